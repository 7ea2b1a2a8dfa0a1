import cluster from 'node:cluster';
import { setTimeout as delay } from 'node:timers/promises';
import { MemoryCounterStore } from '../http/limits/window-counters.ts';
import { removeStaleSocket } from '../http/server/service.ts';
import { createLogger, exitAfterLog, type Logger } from '../telemetry/logger.ts';
import { CounterLeases } from './counter-leases.ts';
import { aliveIntervalMs, type SupervisedConfig } from './messages.ts';
import { Restarts } from './restarts.ts';
import { countAll } from './supervisor-counters.ts';
import { Systemd } from './systemd.ts';
import { WorkerHandle } from './worker-handle.ts';
import type { WorkerMetrics } from './worker-metrics.ts';

/** How long a reload waits for a successor. */
const successorLimitMs = 60_000;
/** Longer than a worker needs to drain. */
const stopLimitMs = 12_000;
/** How long a worker that found its storage away waits for the next try, of which there is no end. */
const storageRetryMs = 2_000;

/**
 * V8's space for new objects, in MiB: half of its default, and never another size. By itself it grows and shrinks between 1 and 16,
 * twice over, by when it last collected: what a worker holds then said nothing of what it needs. At 4 and less it serves fewer
 * requests. Node's own options, which come after, may say otherwise.
 */
const youngGeneration = ['--min-semi-space-size=8', '--max-semi-space-size=8'];

/**
 * Keeps worker processes alive, which share the listening socket: one that ends comes back, ever more slowly; one that is stuck is
 * replaced; a crash loop ends the service. SIGHUP replaces them one at a time under a new configuration, SIGTERM stops them.
 */
export class Supervisor {
  readonly #readConfig: () => SupervisedConfig;
  readonly #program: string | undefined;
  readonly #members = new Set<WorkerHandle>();
  readonly #systemd: Systemd;
  /** Here, so that all workers count together, and a worker that ends takes nothing along. */
  readonly #counters = new MemoryCounterStore(() => performance.now());
  readonly #leases = new CounterLeases(this.#counters.counter('per-client'), () => this.#config.workers);
  #metrics: WorkerMetrics | undefined;
  #config: SupervisedConfig;
  #logger: Logger;
  #wasEverReady = false;
  #chosenPort = 0;
  #askedPort = 0;
  #isStopping = false;
  #reload: Promise<void> = Promise.resolve();

  /**
   * @param program what the workers run; without it, what this process runs
   * @throws {ConfigError} if the configuration has mistakes; at a reload, the one before stays
   */
  constructor(readConfig: () => SupervisedConfig, program?: string) {
    this.#readConfig = readConfig;
    this.#program = program;
    this.#config = readConfig();
    this.#logger = createLogger(this.#config);
    this.#systemd = new Systemd(process.env, (cause) => this.#logger.error('systemd was not told', { cause }));
  }

  /** Starts the workers and watches over them until a signal ends the service. */
  async run(): Promise<void> {
    // Where nobody reads the log any more, the service goes on.
    process.stdout.on('error', () => undefined);
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => this.#stop(signal));
    process.on('SIGHUP', () => {
      this.#reload = this.#reload.then(() => this.#replaceAll());
    });
    // The workers accept for themselves: no request passes through this process. What is set up first fixes the policy.
    cluster.schedulingPolicy = cluster.SCHED_NONE;
    const program = this.#program === undefined ? {} : { exec: this.#program, args: [] };
    cluster.setupPrimary({ ...program, execArgv: [...youngGeneration, ...process.execArgv] });
    if (this.#config.socket !== undefined) await removeStaleSocket(this.#config.socket);
    await this.#serveMetrics();
    setInterval(() => this.#endStuck(), aliveIntervalMs);
    const { watchdogIntervalMs } = this.#systemd;
    if (watchdogIntervalMs !== undefined) setInterval(() => this.#pleaseWatchdog(), watchdogIntervalMs);
    this.#fill();
  }

  /** On the port and to the collector of the configuration, or no more. Where it never had one, nothing of it is loaded. */
  async #serveMetrics(): Promise<void> {
    const { metricsPort, otlpEndpoint } = this.#config;
    if (metricsPort === undefined && otlpEndpoint === undefined && this.#metrics === undefined) return;
    const { WorkerMetrics } = await import('./worker-metrics.ts');
    this.#metrics ??= new WorkerMetrics();
    const url = await this.#metrics.listen(metricsPort);
    if (url !== undefined) this.#logger.info('metrics are served', { url });
    await this.#metrics.export(this.#config, this.#logger);
  }

  /** Starts what is missing. */
  #fill(): void {
    for (let count = this.#present().length; count < this.#config.workers; count += 1) {
      void this.#startInTurn(new Restarts());
    }
  }

  /** One that listens before it can serve does so alone: beside a ready worker it would refuse what that one could answer. */
  async #startInTurn(restarts: Restarts): Promise<void> {
    for (let early = this.#earlyListener(); early !== undefined; early = this.#earlyListener()) await early.ready;
    // A reload may have filled its place by now.
    if (!this.#isStopping && this.#present().length < this.#config.workers) this.#start('starting', restarts);
  }

  #earlyListener(): WorkerHandle | undefined {
    return [...this.#members].find(({ state, isListening }) => state === 'starting' && isListening);
  }

  #present(): WorkerHandle[] {
    return [...this.#members].filter(({ state }) => state !== 'leaving');
  }

  #start(state: 'candidate' | 'starting' = 'starting', restarts = new Restarts()): WorkerHandle {
    const member = new WorkerHandle({
      state,
      restarts,
      config: { ...this.#config, port: this.#config.port === 0 ? this.#systemPort() : this.#config.port },
      listensEarly: ![...this.#members].some(({ isListening }) => isListening),
      supervisor: {
        onReady: (ready, address) => this.#onReady(ready, address),
        onFailedStart: (message) => this.#onFailedStart(message),
        onCount: (holder, questions) =>
          countAll(this.#counters, { leases: this.#leases, holder }, questions, (answers) =>
            holder.responseCount(answers),
          ),
        onCounted: (holder, uses) => this.#leases.used(holder, uses),
        onEnd: (ended, how) => this.#onEnd(ended, how),
      },
    });
    this.#members.add(member);
    this.#metrics?.watch(member);
    return member;
  }

  /** Workers share a socket by the port that they ask for: 0 as long as one holds it, and then the one that it was. */
  #systemPort(): number {
    if (this.#members.size === 0) this.#askedPort = this.#chosenPort;
    return this.#askedPort;
  }

  #onReady({ pid }: WorkerHandle, address: string): void {
    this.#logger.info('a worker is ready', { pid });
    if (this.#wasEverReady) return;
    this.#wasEverReady = true;
    if (URL.canParse(address)) this.#chosenPort = Number(new URL(address).port);
    this.#logger.info('listening', { address, workers: this.#config.workers });
    void this.#systemd.notify('READY=1');
  }

  /** A failed first start is for the operator to mend; later, the other workers go on serving. */
  #onFailedStart(message: string): void {
    if (this.#isStopping) return;
    if (!this.#wasEverReady) this.#giveUp(message);
    this.#logger.error('a worker could not start', { reason: message });
    // Something around the service has changed since it started, such as the passphrase: the configuration may know.
    this.#config = this.#currentConfig() ?? this.#config;
  }

  #currentConfig(): SupervisedConfig | undefined {
    try {
      return this.#readConfig();
    } catch {
      return undefined;
    }
  }

  #onEnd(member: WorkerHandle, how: string): void {
    this.#members.delete(member);
    this.#leases.release(member);
    if (this.#isStopping) {
      if (this.#members.size === 0) void this.#finish();
      return;
    }
    if (member.state === 'leaving' || member.state === 'candidate') return;
    this.#metrics?.countRestart();
    const delayMs = member.isStorageAway ? storageRetryMs : member.restarts.next(member.readyForMs);
    this.#logger.error('a worker ended', { pid: member.pid, how, next_in_ms: delayMs });
    if (delayMs === undefined) this.#giveUp(`the workers end soon after they start, the last one with ${how}`);
    else void delay(delayMs).then(() => this.#startInTurn(member.restarts));
  }

  /** A successor must be ready before a worker leaves: where one does not get ready, all is as before. */
  async #replaceAll(): Promise<void> {
    if (this.#isStopping) return;
    const before = this.#config;
    const successors: WorkerHandle[] = [];
    await this.#systemd.notify('RELOADING=1');
    try {
      this.#config = this.#readConfig();
      if (this.#config.socket !== undefined && this.#config.socket !== before.socket)
        await removeStaleSocket(this.#config.socket);
      await this.#serveMetrics();
      await this.#replaceEach(successors);
      this.#logger = createLogger(this.#config);
      this.#logger.info('reloaded', { workers: this.#config.workers });
    } catch (error) {
      this.#config = before;
      for (const successor of successors) successor.dismiss();
      this.#fill();
      await this.#serveMetrics().catch((cause: unknown) => this.#logger.error('no metrics are served', { cause }));
      this.#logger.error('not reloaded', { reason: error instanceof Error ? error.message : String(error) });
    }
    await this.#systemd.notify('READY=1');
  }

  async #replaceEach(successors: WorkerHandle[]): Promise<void> {
    const old = this.#present();
    for (let index = 0; index < Math.max(this.#config.workers, old.length); index += 1) {
      if (index < this.#config.workers) successors.push(await this.#startSuccessor());
      old[index]?.dismiss();
    }
  }

  async #startSuccessor(): Promise<WorkerHandle> {
    const successor = this.#start('candidate');
    const limit = new AbortController();
    const isLate = delay(successorLimitMs, false, { signal: limit.signal }).catch(() => false);
    const isReady = await Promise.race([successor.ready, isLate]);
    limit.abort();
    if (isReady) return successor;
    successor.dismiss();
    throw new Error('a worker with the new configuration did not get ready');
  }

  #endStuck(): void {
    for (const member of this.#members) {
      member.countInterval();
      if (member.state !== 'ready' || !member.isSilent) continue;
      this.#logger.error('a worker is stuck', { pid: member.pid });
      member.kill();
    }
  }

  #pleaseWatchdog(): void {
    if ([...this.#members].some(({ isSilent }) => !isSilent)) void this.#systemd.notify('WATCHDOG=1');
  }

  #stop(signal: string): void {
    if (this.#isStopping) this.#killAll();
    this.#isStopping = true;
    this.#logger.info('stopping', { signal });
    void this.#systemd.notify('STOPPING=1');
    if (this.#members.size === 0) void this.#finish();
    for (const member of this.#members) member.stop();
    setTimeout(() => this.#killAll(), stopLimitMs).unref();
  }

  async #finish(): Promise<void> {
    await this.#metrics?.finish();
    this.#logger.info('stopped');
    exitAfterLog(0);
  }

  #giveUp(message: string): never {
    process.stderr.write(`mlapi: ${message}\n`);
    this.#killAll();
  }

  #killAll(): never {
    for (const member of this.#members) member.kill();
    process.exit(1);
  }
}
