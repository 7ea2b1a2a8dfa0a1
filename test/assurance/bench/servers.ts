import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Passwords } from '../../../mlapi/auth/clients/passwords.ts';
import { BuiltService } from '../../support/built-service.ts';
import { processTree } from '../../support/process-tree.ts';
import { temporaryFolder, type Tokens } from '../../support/service.ts';
import { encodedQuestion, modelFolder, post, rawQuestion } from './cases.ts';
import { onCore, type Server } from './measure.ts';
import type { LoadRequest } from './load/types.ts';

/** As many as offsets times clients, so that connections differ in both. */
const clientCount = 8;
const offsets = 3;

/** Limits that the measurement must not reach; the rest is as shipped. */
const measuredVariables = {
  MLAPI_RATE_LIMIT_PER_MINUTE: '10000000',
  // Up to ten of the largest requests may wait; 256 connections with 1,000 rows each do.
  MLAPI_MAX_ROWS: '40000',
  MLAPI_ACCESS_TTL_SECONDS: '86400',
  MLAPI_METRICS_PORT: '0',
};

/** `node:http` with an empty response to a GET without a body. */
export async function startEmpty(home: string): Promise<Server> {
  const text = 'GET / HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n';
  return startPlain([join(home, 'build/test/assurance/bench/servers/empty.js')], () => [{ text, predictions: null }]);
}

/** `node:http`, JSON and the model, nothing else. */
export async function startBare(home: string): Promise<Server> {
  const words = [join(home, 'build/test/assurance/bench/servers/bare.js'), join(modelFolder, 'model.onnx')];
  return startPlain(words, (rows) =>
    Array.from({ length: offsets }, (_, offset) => post('/', encodedQuestion(rows, offset))),
  );
}

async function startPlain(
  words: readonly string[],
  requests: (rows: number) => readonly LoadRequest[],
): Promise<Server> {
  const [program, ...rest] = [...onCore(0), process.execPath, ...words] as [string, ...string[]];
  const child = spawn(program, rest, {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, NODE_ENV: 'production', ORT_DISABLE_TELEMETRY: '1' },
  });
  process.once('exit', () => child.kill('SIGKILL'));
  const [line] = (await Promise.race([
    once(child.stdout, 'data'),
    once(child, 'close').then(() => Promise.reject(new Error(`${words[0]} does not start`))),
  ])) as [Buffer];
  return {
    port: Number(String(line)),
    pids: { serving: [child.pid!] },
    requests,
    stop: async () => {
      child.kill('SIGKILL');
      await once(child, 'close');
    },
  };
}

interface ServiceOptions {
  readonly home: string;
  readonly variables?: Readonly<Record<string, string>>;
  readonly nodeOptions?: readonly string[];
  readonly prefix?: readonly string[];
  readonly workers?: number;
  /** The paths of predictions, used in turn. */
  readonly paths?: readonly string[];
  /** Runs before the start, when the data directory exists. */
  readonly prepare?: (dataDir: string) => Promise<void>;
}

/** This service, compiled, in production mode, with all features on. */
export interface MeasuredService extends Server {
  readonly tokens: readonly string[];
  /** @returns the public keys, as JSON */
  readonly exportKeys: () => string;
  readonly logFile: string;
}

export async function startService({
  home,
  variables = {},
  nodeOptions = [],
  prefix = onCore(0),
  workers = 1,
  paths = ['/api/ml'],
  prepare = () => Promise.resolve(),
}: ServiceOptions): Promise<MeasuredService> {
  const root = temporaryFolder();
  const service = new BuiltService(root, {
    home,
    nodeOptions,
    prefix,
    variables: { ...measuredVariables, MLAPI_WORKERS: String(workers), ...variables },
  });
  const passwords = await importClients(service);
  await prepare(join(root, 'data'));
  await service.start();
  const tokens = await logIn(service.port, passwords);
  // The first worker opens the socket; the others follow one by one.
  while (workers > 1 && readyWorkers(service.logFile) < workers) await delay(20);
  const [supervisor, ...serving] = processTree(service.pid);
  return {
    port: service.port,
    pids: { supervisor: supervisor!, serving },
    tokens,
    exportKeys: () => service.command('keys', 'export'),
    logFile: service.logFile,
    requests: (rows) =>
      Array.from({ length: Math.max(tokens.length, paths.length) }, (_, index) =>
        post(paths[index % paths.length]!, rawQuestion(rows, index % offsets), tokens[index % tokens.length]),
      ),
    stop: async () => {
      await service.stop();
    },
  };
}

/** @returns unused passwords by client */
async function importClients(service: BuiltService): Promise<Map<string, string>> {
  const hashing = await Passwords.create();
  const passwords = new Map<string, string>();
  const lines: string[] = [];
  for (let index = 0; index < clientCount; index += 1) {
    const [name, password] = [`caller-${index}`, randomBytes(12).toString('base64url')];
    passwords.set(name, password);
    lines.push(`${name},"${await hashing.hash(password)}"\n`);
  }
  const file = join(temporaryFolder(), 'users.csv');
  writeFileSync(file, lines.join(''), { mode: 0o600 });
  service.command('clients', 'import', file);
  return passwords;
}

/** @returns the access token of each client */
function logIn(port: number, passwords: ReadonlyMap<string, string>): Promise<string[]> {
  const answers = [...passwords].map(async ([username, password]) => {
    const body = JSON.stringify({ username, password });
    const headers = { 'content-type': 'application/json' };
    const answer = await fetch(`http://127.0.0.1:${port}/auth/reset`, { method: 'POST', headers, body });
    if (answer.status !== 200) throw new Error(`${username} gets no tokens: ${await answer.text()}`);
    return ((await answer.json()) as Tokens).access_token;
  });
  return Promise.all(answers);
}

function readyWorkers(logFile: string): number {
  return readFileSync(logFile, 'latin1').split('"worker is ready"').length - 1;
}

/** The number of lines in its log: each request must have one. */
export function countLines(logFile: string): number {
  return readFileSync(logFile, 'latin1').split('\n').length - 1;
}
