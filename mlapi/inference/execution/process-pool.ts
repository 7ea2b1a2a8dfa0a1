import { yieldToEventLoop } from '../../http/event-loop.ts';
import { ModelFolderError } from '../contract/types.ts';
import { ExhaustedRun } from '../faults.ts';
import type { RunInput } from '../tensors/types.ts';
import type { Executor, RunResult, SessionMemory } from './executor.ts';
import { ModelProcess, type ChildModel } from './model-process.ts';

/** So many crashes within this time, and no process is started for as long. */
const crashLimit = 5;
const crashWindowMs = 60_000;
const firstDelayMs = 100;

interface ChildPoolOptions extends ChildModel {
  readonly outputName: string;
  /** The model's other outputs. */
  readonly others?: readonly string[];
  readonly slots: number;
  /** How long a model that keeps crashing is left alone. */
  readonly quarantineMs?: number;
}

/**
 * Computes in child processes, each with the model loaded once. One that crashes or is stopped at a deadline costs the run that it
 * had, and is replaced. A model that keeps crashing is in quarantine for a minute, then tried again.
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
  /** When processes crashed, by `performance.now()`. */
  #crashes: number[] = [];
  #isReleased = false;

  private constructor(options: ChildPoolOptions) {
    this.#options = options;
    this.slots = options.slots;
    this.#quarantineMs = options.quarantineMs ?? crashWindowMs;
  }

  /** Starts the processes. @throws {ModelFolderError} if one cannot load the model */
  static async start(options: ChildPoolOptions): Promise<ProcessPool> {
    const pool = new ProcessPool(options);
    const starting: ModelProcess[] = [];
    try {
      while (starting.length < options.slots) {
        // A start waits until the system has made the process.
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

  /** No process is started again: it would take as much. Who loaded the model decides when it is tried anew. */
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
      // Its end is a crash.
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
    this.fault = new Error(`its processes crashed ${count} times within a minute; the last ended with ${how}`);
    for (const process of this.#processes) void process.end();
    this.#processes.clear();
    this.#later(this.#quarantineMs, () => this.#leaveQuarantine());
    this.onChange();
  }

  #leaveQuarantine(): void {
    this.fault = undefined;
    // The next crash is one too many again.
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
