import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { UsageError, type Arguments } from '../commands/command.ts';

/** Sources of a secret; never a command-line argument. */
export const secretOptions = { stdin: { type: 'boolean' }, prompt: { type: 'boolean' } } as const;

/** Reads a secret from the chosen source; a prompt asks twice. Undefined if no source was chosen. @throws {UsageError} */
export async function readSecret({ options }: Arguments, question: string): Promise<string | undefined> {
  if (options.stdin === true && options.prompt === true)
    throw new UsageError('--stdin and --prompt exclude each other');
  if (options.stdin === true) return readStandardInput();
  if (options.prompt !== true) return undefined;
  const secret = await askSecret(question);
  if (secret !== (await askSecret('again: '))) throw new UsageError('the two entries differ');
  return secret;
}

/** Reads all of standard input, without the final line break that a shell adds. @throws {UsageError} unless it is UTF-8 */
export async function readStandardInput(): Promise<string> {
  const bytes = await buffer(process.stdin);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes).replace(/\r?\n$/, '');
  } catch {
    throw new UsageError('standard input is not UTF-8');
  }
}

/** Asks on the terminal without echo. @throws {UsageError} without a terminal or an answer */
export async function askSecret(question: string): Promise<string> {
  if (!process.stdin.isTTY) throw new UsageError('no terminal: use --stdin');
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
