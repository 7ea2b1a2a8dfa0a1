import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { hasProgram } from '../../support/nginx.ts';
import type { LoadFigures, LoadOrder, LoadRequest } from './load/types.ts';

/** Rows per request, and concurrent connections. */
export interface Cell {
  readonly rows: number;
  readonly connections: number;
}

/** A running server. */
export interface Server {
  readonly port: number;
  /** The serving processes, and their supervisor if there is one. */
  readonly pids: { readonly supervisor?: number; readonly serving: readonly number[] };
  /** The requests with this number of rows. */
  requests(rows: number): readonly LoadRequest[];
  stop(): Promise<void>;
}

/** The figures of one server under one load. */
export interface Measurement {
  readonly requestsPerSecond: number;
  readonly rowsPerSecond: number;
  readonly p50Ms: number;
  readonly p90Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  /** CPU time per request, of all serving processes. */
  readonly cpuMicroseconds: number;
  readonly supervisorCpuMicroseconds: number;
  readonly rssMib: number;
  readonly supervisorRssMib: number;
  /** The load generator's share of one core. */
  readonly generatorShare: number;
}

/** The cores available to this process; in a container they need not start at 0. */
const cores =
  process.platform === 'linux' && hasProgram('taskset', 'servers and load each on a core of their own')
    ? allowedCores()
    : [];
const isPinned = cores.length >= 2;

/** Pins a server to the first core and the load to the second, if possible. */
export function onCore(core: 0 | 1): readonly string[] {
  return isPinned ? ['taskset', '--cpu-list', String(cores[core])] : [];
}

/** Describes the pinning in the report. */
export const placement = isPinned
  ? 'Each server on one core, the load generator on another (taskset)'
  : 'Servers and load generator wherever the system puts them';

/** Runs the compiled load generator. */
export class Generator {
  readonly #home: string;
  readonly #prefix: readonly string[];

  constructor(home: string, prefix: readonly string[] = onCore(1)) {
    this.#home = home;
    this.#prefix = prefix;
  }

  /** @throws if any response is wrong */
  async measure(
    server: Server,
    { rows, connections }: Cell,
    how: Pick<LoadOrder, 'warmUpSeconds' | 'seconds' | 'signalled' | 'periodMs'>,
  ): Promise<Measurement> {
    const { supervisor, serving } = server.pids;
    const figures = await this.run({
      port: server.port,
      connections,
      requests: server.requests(rows),
      pids: supervisor === undefined ? serving : [...serving, supervisor],
      ...how,
    });
    const { requests, mistakes, processes } = figures;
    if (mistakes.length > 0 || requests === 0)
      throw new Error(`${requests} right answers, and ${mistakes.join('; ') || 'no mistakes'}`);
    const [mine, watching] = [processes.slice(0, serving.length), processes[serving.length]];
    const perRequest = (cpuSeconds: number) => (cpuSeconds * 1e6) / requests;
    return {
      requestsPerSecond: requests / figures.seconds,
      rowsPerSecond: (requests * rows) / figures.seconds,
      p50Ms: figures.p50Ms,
      p90Ms: figures.p90Ms,
      p99Ms: figures.p99Ms,
      maxMs: figures.maxMs,
      cpuMicroseconds: perRequest(mine.reduce((sum, { cpuSeconds }) => sum + cpuSeconds, 0)),
      supervisorCpuMicroseconds: perRequest(watching?.cpuSeconds ?? 0),
      rssMib: mine.reduce((sum, { rssMib }) => sum + rssMib, 0),
      supervisorRssMib: watching?.rssMib ?? 0,
      generatorShare: figures.cpuSeconds / figures.seconds,
    };
  }

  async run(order: LoadOrder): Promise<LoadFigures> {
    const [program, ...words] = [
      ...this.#prefix,
      process.execPath,
      join(this.#home, 'build/test/assurance/bench/load/main.js'),
    ];
    const child = spawn(program, words, { stdio: ['pipe', 'pipe', 'inherit'] });
    let text = '';
    child.stdout.setEncoding('utf8').on('data', (part: string) => (text += part));
    child.stdin.end(JSON.stringify(order));
    const [code] = (await once(child, 'close')) as [number | null];
    if (code !== 0) throw new Error(`the load generator ended with ${String(code)}`);
    return JSON.parse(text) as LoadFigures;
  }
}

/** Parses a list like `0-3,8`. */
function allowedCores(): number[] {
  const [, list = ''] = /^Cpus_allowed_list:\s+(\S+)/m.exec(readFileSync('/proc/self/status', 'latin1')) ?? [];
  return list.split(',').flatMap((range) => {
    const [first = 0, last = first] = range.split('-').map(Number);
    return Array.from({ length: last - first + 1 }, (_, index) => first + index);
  });
}
