import type { Executor } from '../execution/executor.ts';
import type { ObservedModel, InferenceObserver } from '../observer.ts';
import type { CostModel } from './cost-model.ts';
import type { BatchingMode } from './fair-queue.ts';

/** Options of a batcher: executor, batching mode and limits. */
export interface BatcherOptions {
  readonly executor: Executor;
  readonly cost: CostModel;
  /** Whether requests may share a run, or be split over several. */
  readonly batching: BatchingMode;
  /** Output shape of one row. Batched and split runs must return it. */
  readonly rowShape: readonly number[];
  /** Output shapes of one row for the other outputs. Undefined if a request for all outputs needs a run of its own. */
  readonly secondaryRowShapes?: readonly (readonly number[])[] | undefined;
  /** Maximum rows of one run. */
  readonly maxRows: number;
  /** How long a request may wait for others to share its run. */
  readonly maxWaitMicroseconds: number;
  /** Deadline, from arrival to response. */
  readonly timeoutMs: number;
  /** Maximum rows in the queue. */
  readonly maxWaitingRows: number;
  readonly observed: ObservedModel;
  readonly observer: InferenceObserver | undefined;
}
