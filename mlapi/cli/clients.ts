import { readFileSync, realpathSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { CsvError, parse } from 'csv-parse/sync';
import { checkImport, ClientError, type ImportedClient } from '../auth/clients/client-service.ts';
import { isAcceptableHash, Passwords } from '../auth/clients/passwords.ts';
import type { Client, ClientSecret } from '../auth/types.ts';
import { onlyWord, print, UsageError, type Arguments, type Command } from '../commands/command.ts';
import { asOperator } from './operator.ts';
import { readSecret, secretOptions } from './terminal.ts';

const maxOverlapHours = 8_760;
const scopesOption = { scopes: { type: 'string' } } as const;

export const clientCommands: Readonly<Record<string, Command>> = {
  'clients add': {
    usage: 'clients add NAME [--scopes A,B] [--stdin | --prompt | --reusable]',
    help: 'add a client; its password is made and printed once, unless it comes from standard input or a prompt; --reusable: with a secret that stays good',
    options: { ...scopesOption, ...secretOptions, reusable: { type: 'boolean' } },
    run: async (given) => {
      const name = onlyWord(given, 'name');
      if (given.options.reusable === true) {
        await addReusable(name, given);
        return;
      }
      const password = await readPassword(given);
      const made = await asOperator(async (operator) =>
        (await operator.clients()).add(name, { ...password, ...readScopes(given) }),
      );
      if (password.password === undefined) print(`password: ${made}`);
    },
  },
  'clients list': {
    usage: 'clients list',
    help: 'list the clients, with their scopes and states',
    run: async () => {
      const clients = await asOperator(async (operator) => (await operator.clients()).list());
      for (const client of clients) print([client.name, stateOf(client), client.scopes.join(' ')].join('\t'));
    },
  },
  'clients disable': {
    usage: 'clients disable NAME',
    help: 'reject a client from now on and revoke its tokens',
    run: (given) => asOperator(async (operator) => (await operator.clients()).disable(onlyWord(given, 'name'))),
  },
  'clients enable': {
    usage: 'clients enable NAME',
    help: 'allow a disabled client to get tokens again; its old tokens stay revoked',
    run: (given) => asOperator(async (operator) => (await operator.clients()).enable(onlyWord(given, 'name'))),
  },
  'clients scopes': {
    usage: 'clients scopes NAME --scopes A,B',
    help: 'set the scopes of a client; revokes its tokens, unless scopes were only added',
    options: scopesOption,
    run: async (given) => {
      const name = onlyWord(given, 'name');
      const { scopes } = readScopes(given);
      if (scopes === undefined) throw new UsageError('expected --scopes');
      await asOperator(async (operator) => (await operator.clients()).setScopes(name, scopes));
    },
  },
  'clients reset-password': {
    usage: 'clients reset-password NAME [--stdin | --prompt]',
    help: 'give a client a new password, valid for one reset, and revoke its tokens',
    options: secretOptions,
    run: async (given) => {
      const name = onlyWord(given, 'name');
      const password = await readPassword(given);
      const made = await asOperator(async (operator) => (await operator.clients()).resetPassword(name, password));
      if (password.password === undefined) print(`password: ${made}`);
    },
  },
  'clients rotate-secret': {
    usage: 'clients rotate-secret NAME [--overlap HOURS]',
    help: 'give a reusable client a new secret; the old one stays good for 24 hours, or as long as you say; 0: it ends at once, and all tokens with it',
    options: { overlap: { type: 'string' } },
    run: async (given) => {
      const name = onlyWord(given, 'name');
      const overlap = readOverlap(given);
      const { secret, previousEndsAt } = await asOperator(async (operator) =>
        (await operator.clients()).rotateSecret(name, overlap),
      );
      print(`secret: ${secret}`);
      if (previousEndsAt === null) print('the old secret has expired and all tokens of this client are revoked');
      else print(`the old secret ends at ${new Date(previousEndsAt).toISOString()}`);
    },
  },
  'clients import': {
    usage: 'clients import USERS.CSV [--scopes A,B]',
    help: 'add every client of a file: login and password or its hash (clients hash), no header; all or none',
    options: scopesOption,
    run: async (given) => {
      const clients = readUsers(onlyWord(given, 'file'));
      await asOperator(async (operator) => (await operator.clients()).import(clients, readScopes(given).scopes));
      print(`${clients.length} clients imported`);
    },
  },
  'clients hash': {
    usage: 'clients hash USERS.CSV',
    help: 'replace the passwords in such a file by their argon2id hashes, in place',
    run: async (given) => {
      const path = onlyWord(given, 'file');
      const clients = readUsers(path);
      checkImport(clients);
      const passwords = await Passwords.create();
      const lines: string[] = [];
      for (const { name, password } of clients) {
        const hash = isAcceptableHash(password) ? password : await passwords.hash(password);
        lines.push(`${quote(name)},${quote(hash)}\n`);
      }
      replaceFile(realpathSync(path), lines.join(''));
      print(`${lines.length} passwords hashed`);
    },
  },
};

async function addReusable(name: string, given: Arguments): Promise<void> {
  // The secret must be unguessable.
  if (given.options.stdin === true || given.options.prompt === true)
    throw new UsageError('the secret of a reusable client is always generated: omit --stdin and --prompt');
  print(
    `secret: ${await asOperator(async (operator) => (await operator.clients()).addReusable(name, readScopes(given)))}`,
  );
}

function stateOf({ disabledAt, passwordSpentAt, secret }: Client): string {
  if (secret !== undefined) return reusableState(disabledAt !== null, secret);
  if (disabledAt !== null) return 'disabled';
  return passwordSpentAt !== null ? 'password used' : 'password unused';
}

function reusableState(isDisabled: boolean, { previous }: ClientSecret): string {
  if (isDisabled) return 'reusable, disabled';
  const isOverlapping = previous !== undefined && previous.endsAt > Date.now();
  return isOverlapping ? `reusable, old secret until ${new Date(previous.endsAt).toISOString()}` : 'reusable';
}

/** @throws {UsageError} unless it is a whole number of hours, at most a year */
function readOverlap({ options: { overlap } }: Arguments): { overlapSeconds?: number } {
  if (typeof overlap !== 'string') return {};
  if (!/^\d{1,4}$/.test(overlap) || Number(overlap) > maxOverlapHours)
    throw new UsageError(`--overlap takes whole hours, 0 to ${maxOverlapHours}`);
  return { overlapSeconds: Number(overlap) * 3_600 };
}

async function readPassword(given: Arguments): Promise<{ password?: string }> {
  const password = await readSecret(given, 'password: ');
  return password === undefined ? {} : { password };
}

function readScopes({ options }: Arguments): { scopes?: string[] } {
  return typeof options.scopes === 'string' ? { scopes: options.scopes.split(',') } : {};
}

/** Reads `users.csv`: UTF-8, no header, exactly two columns, quoted as in RFC 4180. @throws {ClientError} that names each wrong line */
function readUsers(path: string): ImportedClient[] {
  const rows = parseTable(readText(path), path);
  const mistakes = rows.flatMap(([name = '', password = '', ...rest], index) => {
    if (index === 0 && isHeader(name, password)) return ['line 1: this is a header; the file must not have one'];
    return password === '' || rest.length > 0 ? [`line ${index + 1}: expected two columns`] : [];
  });
  if (mistakes.length > 0) throw new ClientError(`${path}:\n${mistakes.slice(0, 20).join('\n')}`);
  return rows.map(([name = '', password = '']) => ({ name, password }));
}

/** Imported as a client, a header would have a guessable password. */
function isHeader(name: string, password: string): boolean {
  return (
    /^(?:login|user|username|name|client)$/i.test(name.trim()) &&
    /^(?:password|pass|hash|secret)$/i.test(password.trim())
  );
}

function readText(path: string): string {
  const bytes = readFileSync(path);
  if (bytes.includes(0)) throw new ClientError(`${path}: contains a NUL character`);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new ClientError(`${path}: it is not UTF-8`);
  }
}

/** Empty lines are kept as rows, so that row numbers are line numbers. */
function parseTable(content: string, path: string): string[][] {
  try {
    return parse(content, { relax_column_count: true, record_delimiter: ['\r\n', '\n'] });
  } catch (cause) {
    // The parser's message would quote part of a password.
    const line = cause instanceof CsvError ? ` at line ${String(cause.lines)}` : '';
    throw new ClientError(`${path}: a quote is out of place${line}`);
  }
}

function quote(cell: string): string {
  return /[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell;
}

/** Replaces the file atomically. */
function replaceFile(path: string, content: string): void {
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    writeFileSync(temporary, content, { flag: 'wx', mode: 0o600, flush: true });
    renameSync(temporary, path);
  } finally {
    rmSync(temporary, { force: true });
  }
}
