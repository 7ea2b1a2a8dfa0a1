import cluster from 'node:cluster';
import { setTimeout as delay } from 'node:timers/promises';
import { MemoryCounterStore } from '../http/limits/window-counters.ts';
import { removeStaleSocket, stopLimitMs } from '../http/server/service.ts';
import { Systemd } from '../http/server/systemd.ts';
import { createLogger, exitAfterLog, type Logger } from '../telemetry/logger.ts';
import { isMeasured } from '../telemetry/metrics/open-metrics.ts';
import { CounterLeases } from './counter-leases.ts';
import { aliveIntervalMs, type SupervisedConfig } from './messages.ts';
import { Restarts } from './restarts.ts';
import { countAll } from './supervisor-counters.ts';
import { WorkerHandle } from './worker-handle.ts';
import type { WorkerMetrics } from './worker-metrics.ts';

/** How long a reload waits for a successor to become ready. */
const successorLimitMs = 60_000;
/** Delay before a worker whose storage is unavailable is started again, however often. */
const storageRetryMs = 2_000;

/**
 * Size of V8's young generation in MiB: half the default maximum, and fixed. By default it varies between 1 and 16 with the time of the
 * last collection, so that a worker's memory would not show what it needs. At 4 and less, throughput drops. Node options override it.
 */
const youngGeneration = ['--min-semi-space-size=8', '--max-semi-space-size=8'];

/**
 * Runs the worker processes, which share the listening socket. A worker that exits is restarted with growing delays, a stuck one is killed,
 * and a crash loop ends the service. SIGHUP replaces the workers one at a time with the new configuration; SIGTERM stops them.
 */
export class Supervisor {
  readonly #readConfig: () => SupervisedConfig;
  readonly #program: string | undefined;
  readonly #members = new Set<WorkerHandle>();
  readonly #systemd: Systemd;
  /** Kept here, so that all workers share the counts and an exiting worker loses none. */
  readonly #counters = new MemoryCounterStore(() => performance.now());
  readonly #leases = new CounterLeases(this.#counters.counter('per-client'), () => this.#config.processes);
  #metrics: WorkerMetrics | undefined;
  #config: SupervisedConfig;
  #logger: Logger;
  #wasEverReady = false;
  #chosenPort = 0;
  #askedPort = 0;
  #isStopping = false;
  #reload: Promise<void> = Promise.resolve();

  /**
   * @param program program of the workers; default: that of this process
   * @throws {ConfigError} if the configuration is invalid (a failed reload keeps the old one)
   */
  constructor(readConfig: () => SupervisedConfig, program?: string) {
    this.#readConfig = readConfig;
    this.#program = program;
    this.#config = readConfig();
    this.#logger = createLogger(this.#config);
    this.#systemd = new Systemd(process.env, (cause) => this.#logger.error('systemd could not be notified', { cause }));
  }

  /** Starts the workers and supervises them until a signal ends the service. */
  async run(): Promise<void> {
    // A closed log pipe must not end the service.
    process.stdout.on('error', () => undefined);
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => this.#stop(signal));
    process.on('SIGHUP', () => {
      this.#reload = this.#reload.then(() => this.#replaceAll());
    });
    // Workers accept connections themselves; none pass through this process. The first setup fixes the policy.
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

  /** Opens and closes the outlets of metrics as configured. Nothing is loaded if metrics were never configured. */
  async #serveMetrics(): Promise<void> {
    if (this.#metrics === undefined && !isMeasured(this.#config)) return;
    const { WorkerMetrics } = await import('./worker-metrics.ts');
    this.#metrics ??= new WorkerMetrics();
    await this.#metrics.outlets.configure(this.#config, this.#logger);
  }

  /** Starts missing workers. */
  #fill(): void {
    for (let count = this.#present().length; count < this.#config.processes; count += 1) {
      void this.#startInTurn(new Restarts());
    }
  }

  /**
   * A worker that listens before it is ready must be alone: beside a ready worker, it would reject requests that the other could answer.
   */
  async #startInTurn(restarts: Restarts): Promise<void> {
    for (let early = this.#earlyListener(); early !== undefined; early = this.#earlyListener()) await early.ready;
    // A reload may have filled the slot meanwhile.
    if (!this.#isStopping && this.#present().length < this.#config.processes) this.#start('starting', restarts);
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
            holder.sendCounts(answers),
          ),
        onCounted: (holder, uses) => this.#leases.used(holder, uses),
        onEnd: (ended, how) => this.#onEnd(ended, how),
      },
    });
    this.#members.add(member);
    this.#metrics?.watch(member);
    return member;
  }

  /** The cluster shares sockets by requested port: 0 while a worker holds the socket, afterwards the port that the system chose. */
  #systemPort(): number {
    if (this.#members.size === 0) this.#askedPort = this.#chosenPort;
    return this.#askedPort;
  }

  #onReady({ pid }: WorkerHandle, address: string): void {
    this.#logger.info('worker is ready', { pid });
    if (this.#wasEverReady) return;
    this.#wasEverReady = true;
    if (URL.canParse(address)) this.#chosenPort = Number(new URL(address).port);
    this.#logger.info('listening', { address, workers: this.#config.processes });
    void this.#systemd.notify('READY=1');
  }

  /** A failed first start ends the service. Later, the other workers keep serving. */
  #onFailedStart(message: string): void {
    if (this.#isStopping) return;
    if (!this.#wasEverReady) this.#giveUp(message);
    this.#logger.error('worker could not start', { reason: message });
    // The environment may have changed since the start, such as the passphrase: read the configuration again.
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
    this.#logger.error('worker exited', { pid: member.pid, how, next_in_ms: delayMs });
    if (delayMs === undefined) this.#giveUp(`the workers keep exiting soon after their start; last exit: ${how}`);
    else void delay(delayMs).then(() => this.#startInTurn(member.restarts));
  }

  /** Replaces each worker once its successor is ready. If one does not become ready, the old workers and configuration stay. */
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
      this.#logger.info('reloaded', { workers: this.#config.processes });
    } catch (error) {
      this.#config = before;
      for (const successor of successors) successor.dismiss();
      this.#fill();
      await this.#serveMetrics().catch((cause: unknown) =>
        this.#logger.error('metrics could not be served', { cause }),
      );
      this.#logger.error('reload failed', { reason: error instanceof Error ? error.message : String(error) });
    }
    await this.#systemd.notify('READY=1');
  }

  async #replaceEach(successors: WorkerHandle[]): Promise<void> {
    const old = this.#present();
    for (let index = 0; index < Math.max(this.#config.processes, old.length); index += 1) {
      if (index < this.#config.processes) successors.push(await this.#startSuccessor());
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
    throw new Error('a worker with the new configuration did not become ready');
  }

  #endStuck(): void {
    for (const member of this.#members) {
      member.countInterval();
      if (member.state !== 'ready' || !member.isSilent) continue;
      this.#logger.error('worker is stuck', { pid: member.pid });
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
    await this.#metrics?.outlets.finish();
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
