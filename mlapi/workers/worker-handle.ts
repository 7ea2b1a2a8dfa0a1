import cluster, { type Worker } from 'node:cluster';
import type { MetricSnapshot } from '../telemetry/metrics/metrics.ts';
import type { LeaseHolder } from './counter-leases.ts';
import type { CountQuestion, CountResponse, SupervisedConfig, SupervisorMessage, WorkerMessage } from './messages.ts';
import type { Restarts } from './restarts.ts';

/** A ready worker that is silent for this many intervals is stuck. */
const stuckIntervals = 10;
const recallLimitMs = 500;
const measureLimitMs = 1_000;

type Uses = Extract<WorkerMessage, { type: 'counted' }>['uses'];

/** A candidate is the successor of another worker until it is ready. */
type State = 'candidate' | 'starting' | 'ready' | 'leaving';

interface WorkerHandleOptions {
  readonly state: 'candidate' | 'starting';
  readonly config: SupervisedConfig;
  readonly listensEarly: boolean;
  readonly restarts: Restarts;
  /** Called on events of the worker. */
  readonly supervisor: {
    onReady(member: WorkerHandle, address: string): void;
    onFailedStart(message: string): void;
    onCount(member: WorkerHandle, questions: readonly CountQuestion[]): void;
    onCounted(member: WorkerHandle, uses: Uses): void;
    onEnd(member: WorkerHandle, how: string): void;
  };
}

/** A worker process as the supervisor sees it. */
export class WorkerHandle implements LeaseHolder {
  /** Resolves with whether the worker became ready before it exited. */
  readonly ready: Promise<boolean>;
  /** Resolves when the worker has exited and its last message has been handled. */
  readonly exited: Promise<void>;
  readonly restarts: Restarts;
  readonly #worker: Worker;
  readonly #options: WorkerHandleOptions;
  #state: State;
  #readyAt: number | undefined;
  /** Whether the worker receives messages. */
  #isHere = false;
  #isStorageAway = false;
  #silentIntervals = 0;
  readonly #recalls = new Map<string, (unused: number) => void>();
  #metrics: readonly MetricSnapshot[] = [];
  #onMeasured: () => void = () => undefined;

  constructor(options: WorkerHandleOptions) {
    this.#options = options;
    this.#state = options.state;
    this.restarts = options.restarts;
    this.#worker = cluster.fork();
    this.ready = new Promise((resolve) => {
      this.#worker.on('message', (message: WorkerMessage) => {
        this.#silentIntervals = 0;
        this.#onMessage(message);
        if (message.type === 'ready') resolve(true);
      });
      // The process's own event, because the cluster's has other argument types.
      this.#worker.process.once('exit', (code, signal) => {
        resolve(false);
        options.supervisor.onEnd(this, signal ?? `code ${code}`);
      });
    });
    // Emitted after the last message, before or after `exit`.
    this.exited = new Promise((resolve) => {
      this.#worker.process.once('disconnect', () => {
        resolve();
        this.#onMeasured();
      });
    });
    // A killed worker may not have received its last message.
    this.#worker.on('error', () => undefined);
  }

  get pid(): number | undefined {
    return this.#worker.process.pid;
  }

  get state(): State {
    return this.#state;
  }

  /** Whether it answers requests, if only with "starting". */
  get isListening(): boolean {
    return this.#state === 'ready' || (this.#state === 'starting' && this.#options.listensEarly);
  }

  /** How long it has been ready, in milliseconds; undefined if it never was. */
  get readyForMs(): number | undefined {
    return this.#readyAt === undefined ? undefined : performance.now() - this.#readyAt;
  }

  /** Whether it could not start because storage was unavailable, which is not its own fault and may pass. */
  get isStorageAway(): boolean {
    return this.#isStorageAway;
  }

  get isSilent(): boolean {
    return this.#silentIntervals > stuckIntervals;
  }

  /** Its metrics as last reported. */
  get metrics(): readonly MetricSnapshot[] {
    return this.#metrics;
  }

  /** Requests its metrics. @returns whether it reported them within a second */
  measure(): Promise<boolean> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(false), measureLimitMs);
      this.#onMeasured = () => {
        clearTimeout(timer);
        resolve(true);
      };
      this.#send({ type: 'measure' });
    });
  }

  /** Starts an interval in which the worker should report that it is alive. */
  countInterval(): void {
    this.#silentIntervals += 1;
  }

  /** Recalls a lease. @returns its unused count; 0 if the worker does not answer within 500 ms */
  recall(key: string): Promise<number> {
    return new Promise((resolve) => {
      this.#recalls.set(key, resolve);
      setTimeout(() => resolve(0), recallLimitMs).unref();
      this.#send({ type: 'recall', key });
    });
  }

  sendCounts(answers: readonly CountResponse[]): void {
    this.#send({ type: 'counts', answers });
  }

  /** Stops the worker, together with the service. */
  stop(): void {
    if (this.#isHere) this.#send({ type: 'stop' });
    else this.kill();
  }

  /** Removes the worker without replacement: after its connections have closed, or at once if it was never ready. */
  dismiss(): void {
    const wasReady = this.#state === 'ready';
    this.#state = 'leaving';
    if (wasReady) this.#send({ type: 'leave' });
    else this.kill();
  }

  kill(): void {
    this.#worker.process.kill('SIGKILL');
  }

  #send(message: SupervisorMessage): void {
    if (this.#worker.isConnected()) this.#worker.send(message);
  }

  #onMessage(message: WorkerMessage): void {
    const { supervisor, config, listensEarly } = this.#options;
    switch (message.type) {
      case 'here':
        this.#isHere = true;
        this.#send({ type: 'start', config, listensEarly });
        break;
      case 'ready':
        if (this.#state !== 'leaving') this.#state = 'ready';
        this.#readyAt = performance.now();
        supervisor.onReady(this, message.address);
        break;
      case 'failed':
        this.#isStorageAway = message.isPassing;
        supervisor.onFailedStart(message.message);
        break;
      case 'count':
        supervisor.onCount(this, message.questions);
        break;
      case 'counted':
        supervisor.onCounted(this, message.uses);
        break;
      case 'returned':
        this.#recalls.get(message.key)?.(message.unused);
        this.#recalls.delete(message.key);
        break;
      case 'measured':
        this.#metrics = message.metrics;
        this.#onMeasured();
        break;
      case 'alive':
        break;
    }
  }
}
