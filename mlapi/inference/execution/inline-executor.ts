import type { RunInput } from '../tensors/types.ts';
import type { Executor, RunResult, SessionMemory } from './executor.ts';
import type { ModelWrapper } from './model-wrapper.ts';

/** Runs the model in this process, one run at a time. A run cannot be stopped. */
export class InlineExecutor implements Executor {
  readonly kind = 'inline';
  readonly slots = 1;
  readonly fault = undefined;
  free = 1;
  onChange: () => void = () => undefined;
  readonly #model: ModelWrapper;
  readonly #outputName: string;
  readonly #others: readonly string[];
  #running: Promise<unknown> | undefined;

  constructor(model: ModelWrapper, outputName: string, others: readonly string[] = []) {
    this.#model = model;
    this.#outputName = outputName;
    this.#others = others;
  }

  async run(input: RunInput, _deadlineMs = Infinity, allOutputs = false): Promise<RunResult> {
    const { computedSeconds, processorSeconds } = this.#model;
    this.free = 0;
    try {
      const running = this.#model.run(input, this.#outputName, allOutputs ? this.#others : undefined);
      this.#running = running;
      const output = await running;
      return {
        output,
        seconds: this.#model.computedSeconds - computedSeconds,
        processorSeconds: this.#model.processorSeconds - processorSeconds,
      };
    } finally {
      this.free = 1;
    }
  }

  /** Measures the CPU time of runs for the next `forMs` milliseconds. */
  watch(forMs: number): void {
    this.#model.watchedUntilMs = performance.now() + forMs;
  }

  memory(): SessionMemory[] {
    return [{ pid: process.pid, rssBytes: this.#model.loadedBytes }];
  }

  async release(): Promise<void> {
    await Promise.allSettled([this.#running]);
    await this.#model.release();
  }
}
