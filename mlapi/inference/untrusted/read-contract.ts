import { yieldToEventLoop } from '../../http/event-loop.ts';
import type { Confinement } from '../../sandbox/confinement.ts';
import { moduleUrl } from '../../sandbox/programs.ts';
import { MessagePipe } from '../../sandbox/message-pipe.ts';
import { startProgram } from '../../sandbox/start-program.ts';
import { maxChildBytes } from '../execution/child-messages.ts';
import type { ContractResponse, ContractQuestion } from './contract-child.ts';

/**
 * Reads a model folder's contract in another process: a large one would block this one.
 * @returns the contract, or the reason why it is invalid
 */
export async function readUntrustedContract(
  question: ContractQuestion,
  { confinement, timeoutMs }: { confinement: Confinement; timeoutMs: number },
): Promise<ContractResponse> {
  // Spawning blocks the event loop until the system has created the process.
  await yieldToEventLoop();
  const { child, pipe } = startProgram(moduleUrl('./contract-child', import.meta.url), {
    confinement,
    files: [question.folder],
  });
  const limit = setTimeout(() => child.kill('SIGKILL'), timeoutMs);
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()).once('error', () => resolve()));
  const answer = new Promise<ContractResponse>((resolve) => {
    const onMessage = (message: unknown) => resolve(message as ContractResponse);
    new MessagePipe(pipe, { maxBytes: maxChildBytes, onMessage, onFault: () => child.kill('SIGKILL') }).send(question);
    void ended.then(() => resolve({ reason: 'reading it exceeded the limits of time or memory' }));
  });
  try {
    return await answer;
  } finally {
    clearTimeout(limit);
    child.kill('SIGKILL');
    await ended;
  }
}
