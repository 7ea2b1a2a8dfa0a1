import type { Executor } from '../execution/executor.ts';
import type { ObservedModel, InferenceObserver } from '../observer.ts';
import type { CostModel } from './cost-model.ts';
import type { BatchingMode } from './fair-queue.ts';

/** Parts of a batcher: where it computes, how rows may be put together, and its bounds. */
export interface BatcherOptions {
  readonly executor: Executor;
  readonly cost: CostModel;
  /** How the rows of requests may be put together and taken apart. */
  readonly batching: BatchingMode;
  /** The shape of what the output has for one row: merged and split runs must have it. */
  readonly rowShape: readonly number[];
  /** Those of its other outputs; undefined where a request that wants them must have a run of its own. */
  readonly secondaryRowShapes?: readonly (readonly number[])[] | undefined;
  /** Most rows of one run. */
  readonly maxRows: number;
  /** How long a request may wait for company. */
  readonly maxWaitMicroseconds: number;
  /** From acceptance to answer. */
  readonly timeoutMs: number;
  /** Most rows that wait. */
  readonly maxWaitingRows: number;
  readonly observed: ObservedModel;
  readonly observer: InferenceObserver | undefined;
}
