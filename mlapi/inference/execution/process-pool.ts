import { yieldToEventLoop } from '../../http/event-loop.ts';
import { ModelFolderError } from '../contract/types.ts';
import { ExhaustedRun } from '../faults.ts';
import type { RunInput } from '../tensors/types.ts';
import type { Executor, RunResult, SessionMemory } from './executor.ts';
import { ModelProcess, type ChildModel } from './model-process.ts';

/** This many crashes within the window start the quarantine. */
const crashLimit = 5;
const crashWindowMs = 60_000;
const firstDelayMs = 100;

interface ChildPoolOptions extends ChildModel {
  readonly outputName: string;
  /** The model's other outputs. */
  readonly others?: readonly string[];
  readonly slots: number;
  /** How long a model that keeps crashing is not run, in milliseconds. */
  readonly quarantineMs?: number;
}

/**
 * Runs a model in child processes, each with its own copy. A process that crashes or is stopped at a deadline loses its current run and is
 * replaced. After 5 crashes within a minute, the model is in quarantine for a minute.
 */
export class ProcessPool implements Executor {
  readonly kind = 'child';
  readonly slots: number;
  fault: Error | undefined;
  onChange: () => void = () => undefined;
  readonly #options: ChildPoolOptions;
  readonly #quarantineMs: number;
  readonly #processes = new Set<ModelProcess>();
  readonly #timers = new Set<NodeJS.Timeout>();
  /** Times of crashes, by `performance.now()`. */
  #crashes: number[] = [];
  #isReleased = false;

  private constructor(options: ChildPoolOptions) {
    this.#options = options;
    this.slots = options.slots;
    this.#quarantineMs = options.quarantineMs ?? crashWindowMs;
  }

  /** Starts the processes. @throws {ModelFolderError} if one of them cannot load the model */
  static async start(options: ChildPoolOptions): Promise<ProcessPool> {
    const pool = new ProcessPool(options);
    const starting: ModelProcess[] = [];
    try {
      while (starting.length < options.slots) {
        // Spawning blocks the event loop until the system has created the process.
        await yieldToEventLoop();
        starting.push(new ModelProcess(options));
      }
      await Promise.all(starting.map(({ ready }) => ready));
    } catch (cause) {
      await Promise.all(starting.map((process) => process.end()));
      throw ModelFolderError.of(options.path, cause);
    }
    for (const process of starting) pool.#watch(process);
    return pool;
  }

  get free(): number {
    if (this.fault !== undefined) return 0;
    let free = 0;
    for (const { state } of this.#processes) if (state === 'idle') free += 1;
    return free;
  }

  run(input: RunInput, deadlineMs: number, allOutputs = false): Promise<RunResult> {
    const { outputName, others } = this.#options;
    const wanted = allOutputs ? { outputName, others } : { outputName };
    for (const process of this.#processes) if (process.state === 'idle') return process.run(input, wanted, deadlineMs);
    throw new Error('no process is free');
  }

  memory(): SessionMemory[] {
    return [...this.#processes].map(({ pid, rssBytes }) => ({ pid, rssBytes }));
  }

  /** Stops the pool for good: a new process would use as much memory. The owner of the model decides when to load it again. */
  #exhaust(reason: string): void {
    this.#isReleased = true;
    this.fault = new ExhaustedRun(reason);
    for (const timer of this.#timers) clearTimeout(timer);
    for (const process of this.#processes) process.exhaust(reason);
    this.onChange();
  }

  async release(): Promise<void> {
    this.#isReleased = true;
    for (const timer of this.#timers) clearTimeout(timer);
    await Promise.all([...this.#processes].map((process) => process.end()));
  }

  #watch(process: ModelProcess): void {
    this.#processes.add(process);
    void process.ended.then((how) => {
      if (!this.#processes.delete(process) || this.#isReleased) return;
      if (process.exhausted !== undefined) this.#exhaust(process.exhausted);
      else if (process.wasLate) this.#restart();
      else this.#onCrash(how);
    });
  }

  #restart(): void {
    const process = new ModelProcess(this.#options);
    this.#watch(process);
    process.ready.then(
      () => this.onChange(),
      // A failed start counts as a crash when the process exits.
      () => undefined,
    );
  }

  #onCrash(how: string): void {
    const now = performance.now();
    this.#crashes = [...this.#crashes.filter((at) => at > now - crashWindowMs), now];
    const count = this.#crashes.length;
    if (count < crashLimit) {
      this.#later(count === 1 ? 0 : firstDelayMs * 2 ** (count - 2), () => this.#restart());
      return;
    }
    this.fault = new Error(`the model process crashed ${count} times within a minute; last exit: ${how}`);
    for (const process of this.#processes) void process.end();
    this.#processes.clear();
    this.#later(this.#quarantineMs, () => this.#leaveQuarantine());
    this.onChange();
  }

  #leaveQuarantine(): void {
    this.fault = undefined;
    // One more crash starts the next quarantine.
    this.#crashes = this.#crashes.map(() => performance.now()).slice(1);
    for (let count = 0; count < this.slots; count += 1) this.#restart();
  }

  #later(delayMs: number, action: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      action();
    }, delayMs).unref();
    this.#timers.add(timer);
  }
}
