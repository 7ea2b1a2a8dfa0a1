import { closeSync, createReadStream, openSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { json } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { isCsv } from '../commands/csv-file.ts';
import { ApiError, Client, type NamedRow, type Row, type TokenResponse } from '../client/client.ts';
import { print, UsageError, type Arguments, type Command } from '../commands/command.ts';
import { askSecret, readStandardInput } from './terminal.ts';

/** Content of the session file: the tokens, and the only service they may be sent to. */
interface StoredSession {
  readonly url: string;
  readonly tokens: TokenResponse;
}

/** Commands that call a running service over HTTP; nothing else of it is needed on this machine. */
export const remoteCommands: Readonly<Record<string, Command>> = {
  'remote login': {
    usage: 'remote login URL NAME --session FILE [--stdin]',
    help: 'exchange a password, from a prompt or standard input, for tokens in a session file',
    options: { session: { type: 'string' }, stdin: { type: 'boolean' } },
    run: async (given) => {
      const [url, username, ...rest] = given.words;
      if (url === undefined || username === undefined || rest.length > 0)
        throw new UsageError('expected a URL and a name');
      const password = given.options.stdin === true ? await readStandardInput() : await askSecret('password: ');
      await withLock(sessionFile(given), async (file) => {
        const onTokens = (tokens: TokenResponse) => store(file, { url, tokens });
        const client = new Client({ url, username, password, onTokens });
        const { scopes } = await explained(client.session()).finally(() => client.close());
        print(scopes.join(' '));
      });
    },
  },
  'remote predict': {
    usage: 'remote predict MODEL FILE --session FILE [--version V] [--scores]',
    help: 'predict the rows of a file; - reads JSON from standard input',
    options: { session: { type: 'string' }, version: { type: 'string' }, scores: { type: 'boolean' } },
    run: async (given) => {
      const [model, rows, ...rest] = given.words;
      if (model === undefined || rows === undefined || rest.length > 0)
        throw new UsageError('expected a model and a file');
      await withLock(sessionFile(given), async (file) => {
        const { url, tokens } = readSession(file);
        const client = new Client({ url, tokens, onTokens: (newer) => store(file, { url, tokens: newer }) });
        const { version, scores } = given.options;
        const options = { scores: scores === true, ...(typeof version === 'string' && { version }) };
        const answered = (isCsv(rows) ? predictCsv : predictJson)(client, { model, rows, options });
        await explained(answered).finally(() => client.close());
      });
    },
  },
};

interface Question {
  readonly model: string;
  readonly rows: string;
  readonly options: { readonly scores: boolean; readonly version?: string };
}

async function predictCsv(client: Client, { model, rows, options }: Question): Promise<void> {
  const answer = await client.predictCsv(model, () => createReadStream(rows), options);
  await pipeline(answer, process.stdout, { end: false });
}

async function predictJson(client: Client, { model, rows, options }: Question): Promise<void> {
  const read = await json(rows === '-' ? process.stdin : createReadStream(rows)).catch((cause: unknown) => {
    throw cause instanceof SyntaxError ? new UsageError(`${rows} is not JSON`) : cause;
  });
  print(JSON.stringify(await client.predict(model, read as NamedRow | readonly Row[], options)));
}

/** Adds request id and input errors to the message. */
async function explained<T>(call: Promise<T>): Promise<T> {
  return call.catch((error: unknown) => {
    if (!(error instanceof ApiError)) throw error;
    const lines = error.errors.map(({ pointer, detail }) => `\n  ${pointer}: ${detail}`);
    const request = error.requestId === undefined ? '' : ` (request ${error.requestId})`;
    throw new Error(`${error.message}${request}${lines.join('')}`);
  });
}

function sessionFile({ options: { session } }: Arguments): string {
  if (typeof session !== 'string') throw new UsageError('--session must name the file of the tokens');
  return session;
}

function readSession(file: string): StoredSession {
  try {
    const { url, tokens } = JSON.parse(readFileSync(file, 'utf8')) as Partial<StoredSession>;
    if (typeof url === 'string' && typeof tokens?.refresh_token === 'string') return { url, tokens };
  } catch {
    // The content of the file must not be quoted.
  }
  throw new UsageError(`${file} is not a session file: create one with "remote login"`);
}

/** Writes the file atomically for its owner only: the latest refresh token is the only valid one. */
function store(file: string, session: StoredSession): void {
  const temporary = `${file}.new`;
  rmSync(temporary, { force: true });
  writeFileSync(temporary, JSON.stringify(session), { mode: 0o600, flag: 'wx', flush: true });
  renameSync(temporary, file);
}

/** Two commands could use the same refresh token, and the service would revoke the family as stolen. */
async function withLock(file: string, work: (file: string) => Promise<void>): Promise<void> {
  const lock = `${file}.lock`;
  try {
    closeSync(openSync(lock, 'wx', 0o600));
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') throw cause;
    throw new UsageError(`another command uses ${file}; if none does, delete ${lock}`);
  }
  try {
    await work(file);
  } finally {
    rmSync(lock, { force: true });
  }
}
