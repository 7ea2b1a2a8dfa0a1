import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { UsageError, type Arguments } from '../commands/command.ts';

/** Where a secret comes from: never from an argument. */
export const secretOptions = { stdin: { type: 'boolean' }, prompt: { type: 'boolean' } } as const;

/** A secret from where the options say, asked for twice on a prompt; undefined without one of them. @throws {UsageError} */
export async function readSecret({ options }: Arguments, question: string): Promise<string | undefined> {
  if (options.stdin === true && options.prompt === true)
    throw new UsageError('--stdin and --prompt exclude each other');
  if (options.stdin === true) return readStandardInput();
  if (options.prompt !== true) return undefined;
  const secret = await askSecret(question);
  if (secret !== (await askSecret('again: '))) throw new UsageError('the two are not the same');
  return secret;
}

/** Standard input whole, without the line end that a shell adds. @throws {UsageError} unless it is UTF-8 */
export async function readStandardInput(): Promise<string> {
  const bytes = await buffer(process.stdin);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes).replace(/\r?\n$/, '');
  } catch {
    throw new UsageError('standard input is not UTF-8');
  }
}

/** Asks on the terminal, and shows nothing of the answer. @throws {UsageError} without a terminal or an answer */
export async function askSecret(question: string): Promise<string> {
  if (!process.stdin.isTTY) throw new UsageError('there is no terminal to ask on: use --stdin');
  process.stderr.write(question);
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
  const terminal = createInterface({ input: process.stdin, output: silent, terminal: true });
  try {
    return await new Promise<string>((resolve, reject) => {
      terminal.once('close', () => reject(new UsageError('nothing was entered')));
      terminal.question('', resolve);
    });
  } finally {
    terminal.close();
    process.stderr.write('\n');
  }
}
