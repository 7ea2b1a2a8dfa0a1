import type { ExecutorKind } from '../observer.ts';
import type { RunInput } from '../tensors/types.ts';
import type { Executor, RunResult, SessionMemory } from './executor.ts';
import type { InlineExecutor } from './inline-executor.ts';

/**
 * Inline runs block the event loop, so long ones move the model to child processes. Counted in CPU seconds: on a busy machine, wall-clock
 * time would blame the model for waiting.
 */
const longRunSeconds = 0.05;
const longRunLimit = 3;
const longRunWindowMs = 60_000;

/** Runs inline until three runs within a minute take over 50 ms of CPU time; then moves the model to child processes for good. */
export class AdaptiveExecutor implements Executor {
  readonly #startPool: () => Promise<Executor>;
  readonly #inline: InlineExecutor;
  #current: Executor;
  /** End times of long runs, by `performance.now()`. */
  #longRuns: number[] = [];
  #move: Promise<void> | undefined;
  #onChange: () => void = () => undefined;

  constructor(inline: InlineExecutor, startPool: () => Promise<Executor>) {
    this.#inline = inline;
    this.#current = inline;
    this.#startPool = startPool;
  }

  get kind(): ExecutorKind {
    return this.#current.kind;
  }

  get slots(): number {
    return this.#current.slots;
  }

  get free(): number {
    return this.#current.free;
  }

  get fault(): Error | undefined {
    return this.#current.fault;
  }

  set onChange(onChange: () => void) {
    this.#onChange = onChange;
    this.#current.onChange = onChange;
  }

  async run(input: RunInput, deadlineMs: number, allOutputs?: boolean): Promise<RunResult> {
    const executor = this.#current;
    const result = await executor.run(input, deadlineMs, allOutputs);
    if (result.seconds > longRunSeconds && executor === this.#inline) this.#noteLongRun(result.processorSeconds);
    return result;
  }

  memory(): SessionMemory[] {
    return this.#current.memory();
  }

  async release(): Promise<void> {
    await this.#move;
    await this.#current.release();
  }

  #noteLongRun(processorSeconds = 0): void {
    this.#inline.watch(longRunWindowMs);
    if (processorSeconds <= longRunSeconds) return;
    const now = performance.now();
    this.#longRuns = [...this.#longRuns.filter((at) => at > now - longRunWindowMs), now];
    if (this.#longRuns.length < longRunLimit) return;
    this.#longRuns = [];
    this.#move ??= this.#startPool().then(
      (executor) => this.#moveTo(executor),
      // If the pool cannot be started, stay inline and try again after as many long runs.
      () => (this.#move = undefined),
    );
  }

  async #moveTo(executor: Executor): Promise<void> {
    this.#current = executor;
    executor.onChange = this.#onChange;
    this.#onChange();
    await this.#inline.release();
  }
}
