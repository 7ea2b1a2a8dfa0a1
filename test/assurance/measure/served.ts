import { mkdtempSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { BuiltService } from '../../support/built-service.ts';
import { compileProject } from '../../support/compiled.ts';
import { processTree } from '../../support/process-tree.ts';
import { scrape } from '../../support/scrape.ts';
import { temporaryFolder } from '../../support/service.ts';
import { allScopes } from '../../support/ask.ts';
import { sampleProcesses } from '../soak/sampler.ts';

const variables = {
  MLAPI_METRICS_PORT: '0',
  MLAPI_RATE_LIMIT_PER_MINUTE: '10000000',
  MLAPI_ACCESS_TTL_SECONDS: '86400',
  MLAPI_CLIENT_MODELS: '1000000',
};

/** The compiled service in production mode, on a data directory that is kept between starts. */
export class Served {
  readonly #home: string;
  readonly dataDir: string;
  /** Each start has its own folder. */
  readonly #runs = temporaryFolder();
  readonly #clients = new Set<string>();
  #service: BuiltService;

  constructor(home = compileProject(temporaryFolder()), dataDir = temporaryFolder()) {
    this.#home = home;
    this.dataDir = dataDir;
    this.#service = this.#build();
  }

  /** The same program with another data directory. */
  beside(): Served {
    return new Served(this.#home);
  }

  get url(): string {
    return `http://127.0.0.1:${this.#service.port}`;
  }

  get port(): number {
    return this.#service.port;
  }

  /** An access token of a client with all model scopes. */
  token(client: string): string {
    if (!this.#clients.has(client)) this.#service.command('clients', 'add', client, '--scopes', allScopes.join(','));
    this.#clients.add(client);
    return (JSON.parse(this.#service.command('tokens', 'issue', client)) as { access_token: string }).access_token;
  }

  /** @returns the time until it is ready, in ms */
  async start(): Promise<number> {
    // A new log for each start, from which the port is read.
    this.#service = this.#build();
    const startedAt = performance.now();
    await this.#service.start();
    while ((await fetch(`${this.url}/api/readiness`)).status !== 200) await delay(5);
    return performance.now() - startedAt;
  }

  async stop(): Promise<void> {
    const code = await this.#service.stop();
    if (code !== 0) throw new Error(`the service ended with ${String(code)}: ${this.#log()}`);
  }

  /** Its processes: the supervisor, the worker, and those of models. */
  pids(): number[] {
    return processTree(this.#service.pid);
  }

  /** The memory of the serving worker. */
  workerRssMb(): number {
    return sampleProcesses(this.#service.pid)[1]?.rssMb ?? 0;
  }

  /** The longest event loop delay since the last call, including the 10 ms between two checks. */
  async longestDelayMs(): Promise<number> {
    const [, url = ''] = /"serving metrics","url":"(http[^"]+)"/.exec(this.#log()) ?? [];
    const series = await scrape(url);
    const longest = Object.entries(series).filter(([name]) => name.startsWith('nodejs_eventloop_lag_max_seconds'));
    if (longest.length === 0) throw new Error('the metrics have no delay of the event loop');
    return Math.max(...longest.map(([, seconds]) => seconds)) * 1_000;
  }

  #build(): BuiltService {
    const home = this.#home;
    const root = mkdtempSync(join(this.#runs, 'run-'));
    // In its own session, as under systemd: within one session, Linux gives these callers as much processor time as the service.
    const prefix = ['setsid'];
    return new BuiltService(root, { home, prefix, variables: { ...variables, MLAPI_DATA_DIR: this.dataDir } });
  }

  #log(): string {
    return readFileSync(this.#service.logFile, 'utf8');
  }
}

/** Waits until a condition holds. @throws after two minutes */
export async function until(isTrue: () => boolean, what: string): Promise<void> {
  for (const endAt = performance.now() + 120_000; !isTrue();) {
    if (performance.now() > endAt) throw new Error(`not within two minutes: ${what}`);
    await delay(20);
  }
}
