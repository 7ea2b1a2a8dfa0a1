import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Passwords } from '../../mlapi/auth/passwords.ts';
import { BuiltService } from '../support/built-service.ts';
import { processTree } from '../support/process-tree.ts';
import { temporaryFolder, type Tokens } from '../support/service.ts';
import { encodedQuestion, modelFolder, post, rawQuestion } from './cases.ts';
import { onCore, type Server } from './measure.ts';
import type { LoadRequest } from './load/types.ts';

/** As many as there are rows to begin with times clients: connections differ in both. */
const clientCount = 8;
const offsets = 3;

/** Everything that a caller may not exhaust while it is measured; the rest is as shipped. */
const measuredVariables = {
  MLAPI_RATE_LIMIT_PER_MINUTE: '10000000',
  // Ten of the largest requests may wait: 256 connections with 1,000 rows each do.
  MLAPI_MAX_ROWS: '40000',
  MLAPI_ACCESS_TTL_SECONDS: '86400',
  MLAPI_METRICS_PORT: '0',
};

/** An empty answer of `node:http`: to a GET without a body. */
export async function startEmpty(home: string): Promise<Server> {
  const text = 'GET / HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n';
  return startPlain([join(home, 'build/test/bench/servers/empty.js')], () => [{ text, predictions: null }]);
}

/** `node:http`, JSON and the model, and no more. */
export async function startBare(home: string): Promise<Server> {
  const words = [join(home, 'build/test/bench/servers/bare.js'), join(modelFolder, 'model.onnx')];
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
  /** Where predictions are asked for, in turn. */
  readonly paths?: readonly string[];
  /** Done before it starts, with its data directory in place. */
  readonly prepare?: (dataDir: string) => Promise<void>;
}

/** This service, compiled, in production, all switched on. */
export interface MeasuredService extends Server {
  readonly tokens: readonly string[];
  /** The public keys, as JSON. */
  readonly jwks: string;
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
  const tokens = await issueTokens(service);
  await prepare(join(root, 'data'));
  await service.start();
  // The first worker makes it listen; the others follow one by one.
  while (readyWorkers(service.logFile) < workers) await delay(20);
  const [supervisor, ...serving] = processTree(service.pid);
  return {
    port: service.port,
    pids: { supervisor: supervisor!, serving },
    tokens,
    jwks: service.command('keys', 'export'),
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

/** Access tokens of several clients, made as an operator makes them. */
async function issueTokens(service: BuiltService): Promise<string[]> {
  const hash = await (await Passwords.create()).hash(randomBytes(12).toString('base64url'));
  const names = Array.from({ length: clientCount }, (_, index) => `caller-${index}`);
  const file = join(temporaryFolder(), 'users.csv');
  writeFileSync(file, names.map((name) => `${name},"${hash}"\n`).join(''), { mode: 0o600 });
  service.command('clients', 'import', file);
  return names.map((name) => (JSON.parse(service.command('tokens', 'issue', name)) as Tokens).access_token);
}

function readyWorkers(logFile: string): number {
  return readFileSync(logFile, 'latin1').split('"a worker is ready"').length - 1;
}

/** How many lines stand in its log: each request must have its own. */
export function countLines(logFile: string): number {
  return readFileSync(logFile, 'latin1').split('\n').length - 1;
}
