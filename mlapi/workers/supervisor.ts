import cluster, { type Worker } from 'node:cluster';
import { setTimeout as delay } from 'node:timers/promises';
import type { Config } from '../config/config.ts';
import { removeStaleSocket } from '../http/service.ts';
import { createLogger, type Logger } from '../telemetry/logger.ts';
import { aliveIntervalMs, type SupervisorMessage, type WorkerMessage } from './messages.ts';
import { Systemd } from './systemd.ts';

/** A worker that ends sooner than this after it got ready has not got anywhere. */
const youngMs = 10_000;
/** How often in a row a place may fail before the service gives up: without getting ready, and in all. */
const maxFailedStarts = 5;
const maxFailures = 10;
const firstDelayMs = 100;
const maxDelayMs = 10_000;
/** A ready worker that has not said that it lives for so many of its intervals is stuck. */
const stuckIntervals = 10;
/** How long a reload waits for a successor. */
const successorLimitMs = 60_000;
/** Longer than a worker needs to drain. */
const stopLimitMs = 12_000;

/** One of the workers that shall be there, whichever process it is just now. */
interface Place {
  failures: number;
  failedStarts: number;
}

interface Member {
  readonly worker: Worker;
  readonly place: Place;
  readonly ready: Promise<boolean>;
  /** A candidate is to replace another worker, and counts only once it is ready. */
  state: 'candidate' | 'starting' | 'ready' | 'leaving';
  readyAt: number;
  silentIntervals: number;
  readonly listensEarly: boolean;
}

/**
 * Keeps worker processes alive, which share the listening socket: one that ends comes back, ever more slowly; one that is stuck is
 * replaced; a crash loop ends the service. SIGHUP replaces them one at a time under a new configuration, SIGTERM stops them.
 */
export class Supervisor {
  readonly #readConfig: () => Config;
  readonly #members = new Set<Member>();
  readonly #systemd: Systemd;
  #config: Config;
  #logger: Logger;
  #wasEverReady = false;
  #isStopping = false;
  #reload: Promise<void> = Promise.resolve();

  /** @throws {ConfigError} if the configuration has mistakes; at a reload, the one before stays */
  constructor(readConfig: () => Config) {
    this.#readConfig = readConfig;
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
    // The workers accept for themselves: whatever happens to this process, no request passes through it.
    cluster.schedulingPolicy = cluster.SCHED_NONE;
    if (this.#config.socket !== undefined) await removeStaleSocket(this.#config.socket);
    setInterval(() => this.#endStuck(), aliveIntervalMs);
    if (this.#systemd.watchdogIntervalMs !== undefined)
      setInterval(() => this.#pleaseWatchdog(), this.#systemd.watchdogIntervalMs);
    for (let count = 0; count < this.#config.workers; count += 1) this.#start({ failures: 0, failedStarts: 0 });
  }

  #start(place: Place, state: 'candidate' | 'starting' = 'starting'): Member {
    const others = [...this.#members];
    const listensEarly = !others.some(({ state, listensEarly: early }) => state === 'ready' || early);
    const worker = cluster.fork();
    let settle = (_isReady: boolean): void => undefined;
    const ready = new Promise<boolean>((resolve) => (settle = resolve));
    const member: Member = { worker, place, ready, state, readyAt: 0, silentIntervals: 0, listensEarly };
    this.#members.add(member);
    const config = this.#config;
    worker.on('message', (message: WorkerMessage) => {
      member.silentIntervals = 0;
      if (message.type === 'here') tell(worker, { type: 'start', config, listensEarly });
      if (message.type === 'failed') this.#onFailedStart(message.message);
      if (message.type !== 'ready') return;
      this.#onReady(member, message.address);
      settle(true);
    });
    // A worker that was killed may not have taken its last message.
    worker.on('error', () => undefined);
    worker.process.once('exit', (code, signal) => {
      settle(false);
      this.#members.delete(member);
      this.#onEnd(member, signal ?? `code ${code}`);
    });
    return member;
  }

  #onReady(member: Member, address: string): void {
    if (member.state === 'leaving') return;
    member.state = 'ready';
    member.readyAt = performance.now();
    if (this.#wasEverReady) return;
    this.#wasEverReady = true;
    this.#logger.info('listening', { address, workers: this.#config.workers });
    void this.#systemd.notify('READY=1');
  }

  /** What stops the first start is the operator's to mend; later, others go on serving. */
  #onFailedStart(message: string): void {
    if (this.#isStopping) return;
    if (this.#wasEverReady) this.#logger.error('a worker could not start', { reason: message });
    else this.#giveUp(message);
  }

  #onEnd(member: Member, how: string): void {
    if (this.#isStopping) {
      if (this.#members.size === 0) this.#finish();
      return;
    }
    if (member.state === 'leaving' || member.state === 'candidate') return;
    const { place } = member;
    const wasReady = member.state === 'ready';
    const isYoung = !wasReady || performance.now() - member.readyAt < youngMs;
    place.failedStarts = wasReady ? 0 : place.failedStarts + 1;
    place.failures = isYoung ? place.failures + 1 : 0;
    const delayMs = place.failures === 0 ? 0 : Math.min(maxDelayMs, firstDelayMs * 2 ** (place.failures - 1));
    this.#logger.error('a worker ended', { pid: member.worker.process.pid, how, next_in_ms: delayMs });
    if (place.failedStarts > maxFailedStarts || place.failures > maxFailures)
      this.#giveUp(`the workers end as soon as they start (the last one with ${how}): giving up`);
    else void this.#startAfter(delayMs, place);
  }

  async #startAfter(delayMs: number, place: Place): Promise<void> {
    await delay(delayMs);
    if (!this.#isStopping) this.#start(place);
  }

  /** A successor must be ready before a worker leaves: where one does not get ready, all is as before. */
  async #replaceAll(): Promise<void> {
    if (this.#isStopping) return;
    const before = this.#config;
    const successors: Member[] = [];
    await this.#systemd.notify('RELOADING=1');
    try {
      this.#config = this.#readConfig();
      if (this.#config.socket !== undefined && this.#config.socket !== before.socket)
        await removeStaleSocket(this.#config.socket);
      await this.#replaceEach(successors);
      this.#logger = createLogger(this.#config);
      this.#logger.info('reloaded', { workers: this.#config.workers });
    } catch (error) {
      this.#config = before;
      for (const successor of successors) {
        this.#start(successor.place);
        this.#dismiss(successor);
      }
      this.#logger.error('not reloaded', { reason: error instanceof Error ? error.message : String(error) });
    }
    await this.#systemd.notify('READY=1');
  }

  async #replaceEach(successors: Member[]): Promise<void> {
    const old = [...this.#members].filter(({ state }) => state !== 'leaving');
    for (let index = 0; index < Math.max(this.#config.workers, old.length); index += 1) {
      if (index < this.#config.workers) successors.push(await this.#startSuccessor());
      const member = old[index];
      if (member !== undefined) this.#dismiss(member);
    }
  }

  async #startSuccessor(): Promise<Member> {
    const successor = this.#start({ failures: 0, failedStarts: 0 }, 'candidate');
    const limit = new AbortController();
    const isReady = await Promise.race([
      successor.ready,
      delay(successorLimitMs, false, { signal: limit.signal }).catch(() => false),
    ]);
    limit.abort();
    if (isReady) return successor;
    this.#dismiss(successor, 'SIGKILL');
    throw new Error('a worker with the new configuration did not get ready');
  }

  #dismiss(member: Member, signal?: 'SIGKILL'): void {
    member.state = 'leaving';
    if (signal === undefined) tell(member.worker, { type: 'leave' });
    else member.worker.process.kill(signal);
  }

  #endStuck(): void {
    for (const member of this.#members) {
      member.silentIntervals += 1;
      if (member.state !== 'ready' || member.silentIntervals <= stuckIntervals) continue;
      this.#logger.error('a worker is stuck', { pid: member.worker.process.pid });
      member.worker.process.kill('SIGKILL');
    }
  }

  #pleaseWatchdog(): void {
    if ([...this.#members].some(({ silentIntervals }) => silentIntervals <= stuckIntervals))
      void this.#systemd.notify('WATCHDOG=1');
  }

  #stop(signal: string): void {
    if (this.#isStopping) this.#killAll(1);
    this.#isStopping = true;
    this.#logger.info('stopping', { signal });
    void this.#systemd.notify('STOPPING=1');
    if (this.#members.size === 0) this.#finish();
    for (const { worker } of this.#members) tell(worker, { type: 'stop' });
    setTimeout(() => this.#killAll(1), stopLimitMs).unref();
  }

  #finish(): never {
    this.#logger.info('stopped');
    process.exit(0);
  }

  #giveUp(message: string): never {
    process.stderr.write(`mlapi: ${message}\n`);
    this.#killAll(1);
  }

  #killAll(code: number): never {
    for (const { worker } of this.#members) worker.process.kill('SIGKILL');
    process.exit(code);
  }
}

function tell(worker: Worker, message: SupervisorMessage): void {
  if (worker.isConnected()) worker.send(message);
}
