import type { ResponseMemory } from '../../http/response-memory.ts';
import type { OutputPart } from '../tensors/output-rows.ts';
import { refuseLarge, sizeOfRun } from '../tensors/output-size.ts';
import type { RunInput, RunOutput } from '../tensors/types.ts';

/** Some rows of a request, for one run. */
export interface Slice {
  readonly request: WaitingRequest;
  readonly from: number;
  readonly rows: number;
  /** Which beginning of the request it belongs to. */
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

/** One caller's rows or tensors on their way through the model, and who waits for the answer. */
export class WaitingRequest {
  readonly input: RunInput;
  readonly client: string;
  /** By `performance.now()`. */
  readonly acceptedMs: number;
  /** Whether others were there before it. */
  readonly waits: boolean;
  /** Whether it asked for all outputs, and not only for the contract's. */
  readonly allOutputs: boolean;
  /** Whether it must have a run of its own, whatever others do. */
  readonly runsAlone: boolean;
  /**
   * Asked for what its parts take until they are joined; undefined for the service's own requests, and once it is settled: what still
   * refers to a settled request would keep its whole exchange alive.
   */
  memory: ResponseMemory | undefined;
  readonly resolve: (output: RunOutput) => void;
  readonly reject: (cause: unknown) => void;
  /** Rows that runs were given. */
  taken = 0;
  /** Outputs of its runs so far, if it takes several. */
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

  /** Rows that no run has been given yet. */
  get left(): number {
    return this.input.rows - this.taken;
  }

  /** The next rows, as many as are left. */
  take(rows: number): Slice {
    const slice = { request: this, from: this.taken, rows: Math.min(rows, this.left), attempt: this.attempt };
    this.taken += slice.rows;
    return slice;
  }

  /** @returns all parts, once the last of them is there @throws {Problem} 422 or 503 where they are too large together */
  addPart(part: OutputPart): readonly OutputPart[] | undefined {
    this.#partBytes += sizeOfRun(part.output);
    refuseLarge(this.#partBytes);
    this.memory?.reserve(this.#partBytes);
    this.parts ??= [];
    this.parts.push(part);
    const rows = this.parts.reduce((sum, { rows }) => sum + rows, 0);
    return rows === this.input.rows ? this.parts : undefined;
  }

  /** From its first row again; what runs still have of it no longer counts. */
  restart(): void {
    this.taken = 0;
    this.parts = undefined;
    this.#partBytes = 0;
    this.attempt += 1;
  }
}
