import type { ExecutorKind } from '../observer.ts';
import type { RunInput, RunOutput } from '../tensors/types.ts';

/** Memory of a process that holds the model. */
export interface SessionMemory {
  readonly pid: number;
  /** Resident memory of a child process. For an inline model: growth of this process when it was loaded. */
  readonly rssBytes: number;
}

export interface RunResult {
  readonly output: RunOutput;
  /** Duration of the run. */
  readonly seconds: number;
  /** CPU time of the run, if measured. */
  readonly processorSeconds?: number;
}

/**
 * Runs one model, up to `slots` runs at a time.
 * @example
 * const executor = await ProcessPool.start({ path: 'model.onnx', sha256: undefined, outputName: 'label', slots: 2 });
 * if (executor.free > 0) {
 *   const { output, seconds } = await executor.run(input, performance.now() + 1_000);
 * }
 * await executor.release();
 */
export interface Executor {
  readonly kind: ExecutorKind;
  /** Maximum concurrent runs, when all processes are up. */
  readonly slots: number;
  /** Runs that could start now. */
  readonly free: number;
  /** Why no runs are accepted for now; undefined if they are. */
  readonly fault: Error | undefined;
  /** Called when capacity or `fault` changes for a reason other than the end of a run. */
  onChange: () => void;
  /**
   * Starts a run; call only while `free > 0`. The caller may reuse `input`'s buffer after this returns, unless `kind` is `inline`.
   * @param deadlineMs by `performance.now()`, or Infinity; a run that can be stopped is stopped then
   * @param allOutputs whether to fetch the other outputs too
   * @throws {Problem} 422 `invalid_model_output` if the model fails on this input
   * @throws {LostRun} if the run was stopped, or its process or server was lost
   */
  run(input: RunInput, deadlineMs: number, allOutputs?: boolean): Promise<RunResult>;
  memory(): SessionMemory[];
  /** Releases the model after the runs in progress. */
  release(): Promise<void>;
}
