import type { Executor, SessionMemory } from './executor.ts';
import type { ModelWrapper } from './model-wrapper.ts';
import type { Matrix, OutputTensor } from './types.ts';

/** Computes in this process, one run at a time; nothing can stop one that has begun. */
export class InlineExecutor implements Executor {
  readonly kind = 'inline';
  readonly slots = 1;
  readonly fault = undefined;
  free = 1;
  onChange: () => void = () => undefined;
  readonly #model: ModelWrapper;
  readonly #outputName: string;

  constructor(model: ModelWrapper, outputName: string) {
    this.#model = model;
    this.#outputName = outputName;
  }

  async run(matrix: Matrix): Promise<OutputTensor> {
    this.free = 0;
    try {
      return await this.#model.run(matrix, this.#outputName);
    } finally {
      this.free = 1;
    }
  }

  memory(): SessionMemory[] {
    return [{ pid: process.pid, rssBytes: this.#model.loadedBytes }];
  }

  release(): Promise<void> {
    return this.#model.release();
  }
}
