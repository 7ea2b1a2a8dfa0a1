import type { ResponseMemory } from '../../http/response-memory.ts';
import type { OutputPart } from '../tensors/output-rows.ts';
import { refuseLarge, sizeOfRun } from '../tensors/output-size.ts';
import type { RunInput, RunOutput } from '../tensors/types.ts';

/** Part of a request's rows, for one run. */
export interface Slice {
  readonly request: WaitingRequest;
  readonly from: number;
  readonly rows: number;
  /** Attempt of the request that this slice belongs to. */
  readonly attempt: number;
}

interface WaitingOptions {
  readonly client: string;
  readonly acceptedMs: number;
  readonly waits: boolean;
  readonly allOutputs?: boolean;
  readonly runsAlone?: boolean;
  readonly memory?: ResponseMemory | undefined;
}

/** One caller's rows or tensors, and the promise of its response. */
export class WaitingRequest {
  readonly input: RunInput;
  readonly client: string;
  /** By `performance.now()`. */
  readonly acceptedMs: number;
  /** Whether requests were queued before it. */
  readonly waits: boolean;
  /** Whether all outputs are requested, not only the contract's. */
  readonly allOutputs: boolean;
  /** Whether it needs a run of its own in any batching mode. */
  readonly runsAlone: boolean;
  /**
   * Reserves memory for the parts until they are joined. Undefined for the service's own requests, and after settling: a reference to a
   * settled request would keep its exchange alive.
   */
  memory: ResponseMemory | undefined;
  readonly resolve: (output: RunOutput) => void;
  readonly reject: (cause: unknown) => void;
  /** Rows given to runs so far. */
  taken = 0;
  /** Outputs of its runs so far, if it was split. */
  parts: OutputPart[] | undefined;
  #partBytes = 0;
  attempt = 0;
  isSettled = false;

  constructor(
    input: RunInput,
    { client, acceptedMs, waits, allOutputs = false, runsAlone = false, memory }: WaitingOptions,
    resolve: (output: RunOutput) => void,
    reject: (cause: unknown) => void,
  ) {
    this.input = input;
    this.client = client;
    this.acceptedMs = acceptedMs;
    this.waits = waits;
    this.allOutputs = allOutputs;
    this.runsAlone = runsAlone;
    this.memory = memory;
    this.resolve = resolve;
    this.reject = reject;
  }

  /** Rows not given to a run yet. */
  get left(): number {
    return this.input.rows - this.taken;
  }

  /** Takes at most `rows` of the remaining rows. */
  take(rows: number): Slice {
    const slice = { request: this, from: this.taken, rows: Math.min(rows, this.left), attempt: this.attempt };
    this.taken += slice.rows;
    return slice;
  }

  /**
   * @returns all parts, once the last one is there
   * @throws {Problem} 422 or 503 if they are too large together
   */
  addPart(part: OutputPart): readonly OutputPart[] | undefined {
    this.#partBytes += sizeOfRun(part.output);
    refuseLarge(this.#partBytes);
    this.memory?.reserve(this.#partBytes);
    this.parts ??= [];
    this.parts.push(part);
    const rows = this.parts.reduce((sum, { rows }) => sum + rows, 0);
    return rows === this.input.rows ? this.parts : undefined;
  }

  /** Starts again from the first row; slices of the previous attempt no longer count. */
  restart(): void {
    this.taken = 0;
    this.parts = undefined;
    this.#partBytes = 0;
    this.attempt += 1;
  }
}
