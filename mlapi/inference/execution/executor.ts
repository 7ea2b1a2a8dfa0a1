import type { ExecutorKind } from '../observer.ts';
import type { RunInput, RunOutput } from '../tensors/types.ts';

/** A process that holds the model. */
export interface SessionMemory {
  readonly pid: number;
  /** Resident memory of a child process; for an inline model, the growth of this process when it was loaded. */
  readonly rssBytes: number;
}

export interface RunResult {
  readonly output: RunOutput;
  /** Duration of the run. */
  readonly seconds: number;
  /** Processor time of the run, where it is known. */
  readonly processorSeconds?: number;
}

/** Where one model computes, and how many runs of it at once. */
export interface Executor {
  readonly kind: ExecutorKind;
  /** Runs that it can do at once, when all is well. */
  readonly slots: number;
  /** Runs that it could begin now. */
  readonly free: number;
  /** Why it takes no runs until further notice; undefined while it does. */
  readonly fault: Error | undefined;
  /** Called when it became free, or got or lost its fault, by itself: not by the end of a run. */
  onChange: () => void;
  /**
   * Begins a run; only where it is free. `input` may be overwritten once this has returned, where it is no inline run.
   * @param deadlineMs by `performance.now()`, or Infinity: what can be stopped is stopped then
   * @param allOutputs whether the model's other outputs are fetched, too
   * @throws {Problem} 422 where the model itself fails on these rows @throws {LostRun}
   */
  run(input: RunInput, deadlineMs: number, allOutputs?: boolean): Promise<RunResult>;
  memory(): SessionMemory[];
  /** Ends it, after the runs that have begun. */
  release(): Promise<void>;
}
