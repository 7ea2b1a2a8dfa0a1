import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { entries, type Entry } from '../demo/entries.ts';
import { exchange, steadily } from '../soak/exchange.ts';
import { quantile } from '../soak/sampler.ts';
import { upload } from '../../support/uploads.ts';
import { until, type Served } from './served.ts';

const hostile = entries.filter(({ isGood }) => !isGood);
/** Uploads that must be refused, and one that the client aborts. */
const kinds = [...hostile, 'torn'] as const;
const clients = ['mallory', 'trudy', 'oscar'];
const callers = 6;
const honest = readFileSync('resources/models/nsl-kdd-classifier/model.onnx');

export interface HostileRun {
  readonly uploads: number;
  /** Counts by status and code; 0 if the client disconnected before the response. */
  readonly answers: Readonly<Record<string, number>>;
  /** How many were refused by an inspection process. */
  readonly inspected: number;
  /** Memory of the worker: before any upload, after the warm-up, and at the end. */
  readonly rssMb: { readonly fresh: number; readonly before: number; readonly after: number };
  readonly processes: { readonly before: number; readonly after: number };
  /** New files in the data directory. */
  readonly filesLeft: readonly string[];
  readonly longestDelayMs: number;
  /** The delay of an idle process at the same time, caused by the machine itself. */
  readonly idleDelayMs: number;
  readonly liveness: {
    readonly p50Ms: number;
    readonly p99Ms: number;
    readonly maxMs: number;
    readonly failed: number;
  };
  readonly seconds: number;
}

interface HostileOptions {
  readonly uploads: number;
  /** Sent first, in the same mix, without being measured. */
  readonly warmUp: number;
  readonly settleMs: number;
}

/** Sends uploads that must be refused, several at a time, and checks what is left of them. */
export async function sendHostile(served: Served, { uploads, warmUp, settleMs }: HostileOptions): Promise<HostileRun> {
  const tokens = clients.map((client) => served.token(client));
  const { length: processesBefore } = served.pids();
  const settle = async () => {
    await until(() => served.pids().length <= processesBefore && incoming(served) === 0, 'nothing is left to do');
    await delay(settleMs);
  };
  await delay(settleMs);
  const fresh = served.workerRssMb();
  await sendAll(served, tokens, warmUp);
  await settle();
  const before = served.workerRssMb();
  const filesBefore = new Set(filesOf(served));
  await served.longestDelayMs();

  const end = new AbortController();
  const probing = probe(served.port, end.signal);
  const idling = idleProcess(end.signal);
  const startedAt = performance.now();
  const answers = await sendAll(served, tokens, uploads);
  const seconds = (performance.now() - startedAt) / 1_000;
  end.abort();
  const liveness = await probing;
  const longestDelayMs = await served.longestDelayMs();
  const idleDelayMs = await idling;
  await settle();
  return {
    uploads,
    answers,
    inspected: answers['422 model_refused'] ?? 0,
    rssMb: { fresh, before, after: served.workerRssMb() },
    processes: { before: processesBefore, after: served.pids().length },
    filesLeft: filesOf(served).filter((name) => !filesBefore.has(name)),
    longestDelayMs,
    idleDelayMs,
    liveness,
    seconds,
  };
}

async function sendAll(served: Served, tokens: readonly string[], count: number): Promise<Record<string, number>> {
  const answers: Record<string, number> = {};
  let next = 0;
  const call = async (token: string) => {
    for (let index = next; index < count; index = next) {
      next += 1;
      const kind = kinds[index % kinds.length]!;
      const answer = kind === 'torn' ? await tear(served, token) : await send(served, token, kind);
      answers[answer] = (answers[answer] ?? 0) + 1;
    }
  };
  await Promise.all(Array.from({ length: callers }, (_, index) => call(tokens[index % tokens.length]!)));
  return answers;
}

async function send(served: Served, token: string, { files }: Entry): Promise<string> {
  const { status, body } = await upload(served, token, ['hostile', '1'], files as Parameters<typeof upload>[3]);
  return `${status} ${String(body.code)}`;
}

/** Sends half a model, then disconnects. */
function tear({ port }: Served, token: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('error', reject);
    const head = `PUT /api/models/torn/versions/1 HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${token}\r\n`;
    socket.write(`${head}Content-Type: application/octet-stream\r\nContent-Length: ${honest.length}\r\n\r\n`);
    socket.write(honest.subarray(0, honest.length / 2), () => {
      socket.destroy();
      resolve('0 torn');
    });
  });
}

/** Measures as the service does. @returns the longest event loop delay, in ms */
async function idleProcess(end: AbortSignal): Promise<number> {
  const program = `
    const delay = require('node:perf_hooks').monitorEventLoopDelay({ resolution: 10 });
    delay.enable();
    process.stdin.resume().on('end', () => console.log(delay.max / 1e6));`;
  const child = spawn(process.execPath, ['-e', program], { stdio: ['pipe', 'pipe', 'inherit'] });
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (part: string) => (text += part));
  end.addEventListener('abort', () => child.stdin.end());
  await once(child, 'close');
  return Number(text);
}

async function probe(port: number, end: AbortSignal) {
  const latencies: number[] = [];
  let failed = 0;
  await steadily(4, end, async () => {
    const answer = await exchange({ port, agent: false, path: '/api/liveness' }).catch(() => undefined);
    if (answer?.status === 200) latencies.push(answer.latencyMs);
    else failed += 1;
  });
  return { p50Ms: quantile(latencies, 0.5), p99Ms: quantile(latencies, 0.99), maxMs: Math.max(...latencies), failed };
}

/** The number of uploads in progress. */
function incoming({ dataDir }: Served): number {
  const folder = join(dataDir, 'models/incoming');
  return existsSync(folder) ? readdirSync(folder).length : 0;
}

function filesOf({ dataDir }: Served): string[] {
  return readdirSync(dataDir, { recursive: true, encoding: 'utf8' });
}
