import type { ParseArgsConfig } from 'node:util';
import type { Database } from '../persistence/database.ts';

/** Arguments of a command: positional words and options. */
export interface Arguments {
  readonly words: readonly string[];
  readonly options: Readonly<Record<string, string | boolean | string[] | undefined>>;
}

/** One command of `npm run mlapi -- ...`. */
export interface Command {
  /** Name and arguments, as the help and the README print them. */
  readonly usage: string;
  readonly help: string;
  readonly options?: ParseArgsConfig['options'];
  run(given: Arguments): Promise<void>;
}

/** Commands by name: one word, or two. */
export type Commands = Readonly<Record<string, Command>>;

/** Opens the service's database for one command, and closes it afterwards. */
export type Operate<Config> = <T>(
  work: (opened: { readonly config: Config; readonly database: Database }) => Promise<T>,
) => Promise<T>;

/** A command was called incorrectly. */
export class UsageError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'UsageError';
  }
}

/** @throws {UsageError} unless exactly one word was given */
export function onlyWord({ words }: Arguments, what: string): string {
  const [word, ...rest] = words;
  if (word === undefined || rest.length > 0) throw new UsageError(`expected one ${what}`);
  return word;
}

export function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
