import { Problem } from '../../http/problem.ts';
import type { ResponseMemory } from '../../http/response-memory.ts';
import type { Executor } from '../execution/executor.ts';
import { LostRun } from '../faults.ts';
import type { ObservedRun } from '../observer.ts';
import { busy, deadlineExceeded, processLost, unavailable } from '../problems.ts';
import { hasRowShape, joinRows, sliceRun } from '../tensors/output-rows.ts';
import type { RunInput, RunOutput } from '../tensors/types.ts';
import type { BatcherOptions } from './batcher-options.ts';
import { PendingRequests } from './deadlines.ts';
import { FairQueue, type BatchingMode } from './fair-queue.ts';
import { RowBuffer } from './row-buffer.ts';
import { WaitingRequest, type Slice } from './waiting-request.ts';

/** Longest inline run that batching may build, in seconds, by the measured cost: it blocks the event loop. */
const longestInlineSeconds = 0.002;
/** The same for a run in a child process, in seconds, unless a single row takes longer. */
const usualChildSeconds = 0.1;

type ToldRun = Pick<ObservedRun, 'rows' | 'runSeconds' | 'outcome'>;

/**
 * Batches the requests for one model that arrive in the same turn of the event loop, and splits large ones, so that clients share the model
 * fairly. Each caller gets the output of its own rows, as if it had run alone, within the deadline or an error.
 */
export class Batcher {
  readonly #options: BatcherOptions;
  readonly #queue = new FairQueue();
  readonly #pending: PendingRequests;
  /** Halves of failed batches, to be run again: one of them may succeed. */
  readonly #again: (readonly Slice[])[] = [];
  readonly #buffer = new RowBuffer();
  #batching: BatchingMode;
  #isScheduled = false;
  #waitTimer: NodeJS.Timeout | undefined;
  /** When the queue was last empty, by `performance.now()`. */
  #waitingSinceMs = 0;

  constructor(options: BatcherOptions) {
    this.#options = options;
    this.#batching = options.batching;
    this.#pending = new PendingRequests(options.timeoutMs, (request) => {
      this.#reject(request, deadlineExceeded(options.timeoutMs));
    });
    options.executor.onChange = () => this.#schedule();
  }

  get executor(): Executor {
    return this.#options.executor;
  }

  /**
   * Runs the model on rows or tensors.
   * @param client id of the caller, for fair scheduling
   * @param allOutputs whether to return every output, not only the contract's
   * @throws {Problem} 422 `invalid_model_output`, 503 `model_unavailable` or `temporarily_unavailable`, 504 `deadline_exceeded`
   */
  run(input: RunInput, client = '', allOutputs = false, memory?: ResponseMemory): Promise<RunOutput> {
    return new Promise((resolve, reject) => {
      const { fault, free } = this.#options.executor;
      if (fault !== undefined) throw unavailable(fault);
      const acceptedMs = performance.now();
      const waits = free === 0 || this.#queue.rows > 0;
      if (this.#queue.rows > 0) this.#refuseLongWait(client, input.rows);
      else this.#waitingSinceMs = acceptedMs;
      const runsAlone = allOutputs && this.#options.secondaryRowShapes === undefined;
      const options = { client, acceptedMs, waits, allOutputs, runsAlone, memory };
      const request = new WaitingRequest(input, options, resolve, reject);
      this.#queue.push(request);
      this.#pending.add(request);
      this.#schedule();
    });
  }

  /** Waits for accepted requests, then releases the executor. */
  async release(): Promise<void> {
    await this.#pending.empty();
    await this.#options.executor.release();
  }

  /** Rejects a request that could not finish by its deadline: its run would be stopped for nothing. */
  #refuseLongWait(client: string, rows: number): void {
    const { executor, cost, timeoutMs, maxWaitingRows, observer, observed } = this.#options;
    const before = this.#queue.rowsBefore(client);
    const perRun = Math.max(1, Math.min(this.#rowsPerRun(), before));
    const runs = before / perRun + (executor.free === 0 ? 1 : 0);
    const waitSeconds = (runs * cost.seconds(perRun)) / executor.slots;
    const lateMs = 1_000 * (waitSeconds + cost.seconds(Math.min(rows, this.#rowsPerRun()))) - timeoutMs;
    if (lateMs <= 0 && before <= maxWaitingRows) return;
    observer?.shed(observed);
    throw busy(Math.max(1, Math.ceil(lateMs / 1_000)));
  }

  #rowsPerRun(): number {
    const { executor, cost, maxRows } = this.#options;
    const longest =
      executor.kind === 'inline' ? longestInlineSeconds : Math.max(usualChildSeconds, 1.5 * cost.seconds(1));
    return Math.min(maxRows, cost.rowsWithin(longest));
  }

  /** Runs after the callbacks of the connections in this turn. */
  #schedule(): void {
    if (this.#isScheduled) return;
    if (this.#waitTimer !== undefined) {
      if (this.#queue.rows < this.#rowsPerRun()) return;
      clearTimeout(this.#waitTimer);
      this.#waitTimer = undefined;
    }
    this.#isScheduled = true;
    setImmediate(this.#begin);
  }

  readonly #begin = (): void => {
    this.#isScheduled = false;
    this.#waitTimer = undefined;
    const { executor } = this.#options;
    if (executor.fault !== undefined) this.#rejectWaiting(executor.fault);
    if (executor.free === 0 || this.#waitsForCompany()) return;
    while (executor.free > 0 && (this.#again.length > 0 || this.#queue.rows > 0)) {
      const slices = this.#again.shift() ?? this.#queue.take(this.#rowsPerRun(), this.#batching);
      const wanted = this.#dropLate(slices.filter(isWanted));
      if (wanted.length > 0) void this.#compute(wanted);
    }
  };

  /**
   * Drops requests that would miss their deadline because earlier runs took longer than estimated: stopping such a run stops its process
   * too. A request that found a free process is never dropped, otherwise the cost would never be measured again.
   */
  #dropLate(slices: readonly Slice[]): readonly Slice[] {
    const { cost, timeoutMs } = this.#options;
    let rows = 0;
    for (const slice of slices) rows += slice.rows;
    const doneMs = performance.now() + 1_000 * cost.seconds(rows);
    return slices.filter(({ request }) => {
      if (!request.waits || doneMs <= request.acceptedMs + timeoutMs) return true;
      this.#reject(request, deadlineExceeded(timeoutMs));
      return false;
    });
  }

  /** Waits for more requests. Timers have a resolution of 1 ms, so shorter waits poll every turn. */
  #waitsForCompany(): boolean {
    const { maxWaitMicroseconds } = this.#options;
    if (maxWaitMicroseconds === 0 || this.#batching !== 'concatenate') return false;
    if (this.#again.length > 0 || this.#queue.rows === 0 || this.#queue.rows >= this.#rowsPerRun()) return false;
    if (this.#queue.isNextAlone) return false;
    const leftMs = this.#waitingSinceMs + maxWaitMicroseconds / 1_000 - performance.now();
    if (leftMs <= 0) return false;
    if (leftMs < 1) this.#schedule();
    else this.#waitTimer = setTimeout(this.#begin, leftMs);
    return true;
  }

  /** Never rejects: errors go to the callers. */
  async #compute(slices: readonly Slice[]): Promise<void> {
    const { executor, cost, timeoutMs } = this.#options;
    const input = this.#buffer.join(slices);
    const beganMs = performance.now();
    const { rows } = input;
    let newestMs = 0;
    let allOutputs = false;
    for (const { request } of slices) {
      newestMs = Math.max(newestMs, request.acceptedMs);
      allOutputs ||= request.allOutputs;
    }
    try {
      const { output, seconds } = await executor.run(input, newestMs + timeoutMs, allOutputs);
      cost.observe(rows, seconds);
      this.#answer(slices, output, rows);
      this.#tell(slices, beganMs, { rows, runSeconds: seconds, outcome: 'ok' });
    } catch (cause) {
      this.#fail(slices, cause);
      const runSeconds = (performance.now() - beganMs) / 1_000;
      const outcome = cause instanceof LostRun ? cause.outcome : 'failed';
      this.#tell(slices, beganMs, { rows, runSeconds, outcome });
    }
    if (this.#queue.rows > 0 || this.#again.length > 0) this.#schedule();
  }

  /** Splits the output of a run among its requests. */
  #answer(slices: readonly Slice[], output: RunOutput, rows: number): void {
    const [first] = slices;
    if (slices.length === 1 && first!.rows === first!.request.input.rows) {
      if (isWanted(first!)) this.#resolve(first!.request, output);
      return;
    }
    // Also if another run has disabled batching meanwhile.
    if ((this.#batching === 'concatenate' || slices.length > 1) && !this.#hasRowShape(output, rows)) {
      this.#stopSharing(slices);
      return;
    }
    let from = 0;
    for (const slice of slices) {
      const own = slices.length === 1 ? output : sliceRun(output, { from, rows: slice.rows }, slice.request.allOutputs);
      from += slice.rows;
      if (isWanted(slice)) this.#responsePart(slice, own);
    }
  }

  #hasRowShape(output: RunOutput, rows: number): boolean {
    const { rowShape, secondaryRowShapes } = this.#options;
    if (!hasRowShape(output, rows, rowShape)) return false;
    return (
      output.secondaryOutputs?.every((other, index) => hasRowShape(other, rows, secondaryRowShapes?.[index] ?? [])) ??
      true
    );
  }

  #responsePart({ request, from, rows }: Slice, output: RunOutput): void {
    if (rows === request.input.rows) {
      this.#resolve(request, output);
      return;
    }
    try {
      const parts = request.addPart({ from, rows, output });
      if (parts !== undefined) this.#resolve(request, joinRows(parts));
    } catch (cause) {
      this.#reject(request, cause);
    }
  }

  /** Disables batching: the output does not have one entry per row, so it cannot be split. Each request is run alone from now on. */
  #stopSharing(slices: readonly Slice[]): void {
    this.#batching = 'none';
    for (const slice of slices.filter(isWanted)) {
      this.#queue.drop(slice.request);
      slice.request.restart();
      this.#queue.push(slice.request);
    }
  }

  #fail(slices: readonly Slice[], cause: unknown): void {
    if (cause instanceof Problem && slices.length > 1) {
      const half = slices.length >> 1;
      this.#again.push(slices.slice(0, half), slices.slice(half));
      return;
    }
    const refusal = cause instanceof LostRun ? this.#refusalOf(cause) : cause;
    for (const slice of slices) if (isWanted(slice)) this.#reject(slice.request, refusal);
  }

  #refusalOf(lost: LostRun): Problem {
    return lost.outcome === 'timeout' ? deadlineExceeded(this.#options.timeoutMs) : processLost(lost);
  }

  #resolve(request: WaitingRequest, output: RunOutput): void {
    this.#settle(request, true);
    request.resolve(output);
  }

  #reject(request: WaitingRequest, cause: unknown): void {
    this.#queue.drop(request);
    this.#settle(request, false);
    request.reject(cause);
  }

  #settle(request: WaitingRequest, isGood: boolean): void {
    const { observer, observed } = this.#options;
    request.isSettled = true;
    request.memory = undefined;
    this.#pending.delete(request);
    observer?.answered?.(observed, { isGood, seconds: (performance.now() - request.acceptedMs) / 1_000 });
  }

  #rejectWaiting(fault: Error): void {
    const refusal = unavailable(fault);
    const slices = this.#again.splice(0).flat();
    while (this.#queue.rows > 0) slices.push(...this.#queue.take(Infinity, 'none'));
    for (const slice of slices) if (isWanted(slice)) this.#reject(slice.request, refusal);
  }

  #tell(slices: readonly Slice[], beganMs: number, { rows, runSeconds, outcome }: ToldRun): void {
    const { observer, observed, executor } = this.#options;
    if (observer === undefined) return;
    let oldestMs = beganMs;
    for (const { request } of slices) oldestMs = Math.min(oldestMs, request.acceptedMs);
    const { model, version } = observed;
    const queueSeconds = (beganMs - oldestMs) / 1_000;
    const { kind } = executor;
    observer.ran({ model, version, executor: kind, requests: slices.length, rows, queueSeconds, runSeconds, outcome });
  }
}

function isWanted({ request, attempt }: Slice): boolean {
  return !request.isSettled && request.attempt === attempt;
}
