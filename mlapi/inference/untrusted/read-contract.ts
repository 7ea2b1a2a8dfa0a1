import { ownTurn } from '../../http/turns.ts';
import { moduleUrl, type Confinement } from '../../sandbox/confinement.ts';
import type { ContractAnswer, ContractQuestion } from './contract-child.ts';
import { mostChildBytes } from '../execution/child-messages.ts';
import { MessagePipe } from '../../sandbox/message-pipe.ts';
import { startProgram } from '../../sandbox/start-program.ts';

/**
 * Reads a model folder's contract in a process of its own: a large one would keep this one from answering.
 * @returns the contract, or why it is none
 */
export async function readForeignContract(
  question: ContractQuestion,
  { confinement, timeoutMs }: { confinement: Confinement; timeoutMs: number },
): Promise<ContractAnswer> {
  // A start waits until the system has made the process.
  await ownTurn();
  const { child, pipe } = startProgram(moduleUrl('./contract-child', import.meta.url), {
    confinement,
    files: [question.folder],
  });
  const limit = setTimeout(() => child.kill('SIGKILL'), timeoutMs);
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()).once('error', () => resolve()));
  const answer = new Promise<ContractAnswer>((resolve) => {
    const onMessage = (message: unknown) => resolve(message as ContractAnswer);
    new MessagePipe(pipe, { mostBytes: mostChildBytes, onMessage, onFault: () => child.kill('SIGKILL') }).send(
      question,
    );
    void ended.then(() => resolve({ reason: 'it needs more time or memory to be read than there is' }));
  });
  try {
    return await answer;
  } finally {
    clearTimeout(limit);
    child.kill('SIGKILL');
    await ended;
  }
}
