import { Problem } from '../../http/problem.ts';
import type { RemoteReference } from '../contract/types.ts';
import type { Executor, RunResult, SessionMemory } from '../execution/executor.ts';
import { invalidModelOutput } from '../problems.ts';
import type { InputTensor, Matrix, RunInput, RunOutput, TensorInfo } from '../tensors/types.ts';
import type { AllowedServer } from './allowed-servers.ts';
import { CircuitBreaker, usualBreaker, type BreakerOptions } from './circuit-breaker.ts';
import { writeInferRequest, type WrittenRequest } from './infer-request.ts';
import { maxResponseBytes, readInferResponse } from './infer-response.ts';
import { RemoteConnection, type RemoteResponse } from './remote-connection.ts';
import { RemoteFailure } from './remote-failure.ts';
import { pathOf, type RemoteModel } from './remote-model.ts';
import { RetryBudget } from './retry-budget.ts';

interface RemoteExecutorOptions extends RemoteModel {
  readonly server: AllowedServer;
  readonly reference: RemoteReference;
  readonly outputName: string;
  /** The model's other outputs. */
  readonly others: readonly string[];
  /** Time limit of a run without a deadline. */
  readonly timeoutMs: number;
  readonly breaker?: BreakerOptions;
}

interface Wanted {
  readonly rows: number | undefined;
  readonly outputs: readonly TensorInfo[];
}

/** Concurrent requests of one process to one server for one model. */
const maxRequests = 8;
/** Statuses that concern this request only; the server is healthy. */
const refusals: readonly number[] = [400, 413, 422, 500];
const overloads: readonly number[] = [502, 503, 504];
const maxLoggedText = 300;
/** Estimated memory of contract, batcher and connections in this process. */
const ownBytes = 1_048_576;

/**
 * Runs a model on another server that speaks the Open Inference Protocol. Only rows or tensors are sent there, nothing else from the
 * caller's request.
 */
export class RemoteExecutor implements Executor {
  readonly kind = 'remote';
  readonly slots = maxRequests;
  onChange: () => void = () => undefined;
  readonly #options: RemoteExecutorOptions;
  readonly #connection: RemoteConnection;
  readonly #breaker: CircuitBreaker;
  readonly #budget = new RetryBudget();
  #running = 0;

  constructor(options: RemoteExecutorOptions) {
    this.#options = options;
    this.#connection = new RemoteConnection(options.server, maxRequests);
    this.#breaker = new CircuitBreaker(options.breaker ?? usualBreaker, () => this.onChange());
  }

  get fault(): Error | undefined {
    return this.#breaker.fault;
  }

  get free(): number {
    if (this.fault !== undefined) return 0;
    return Math.max(0, (this.#breaker.isTrying ? 1 : this.slots) - this.#running);
  }

  run(input: RunInput, deadlineMs: number, allOutputs = false): Promise<RunResult> {
    const { metadata, isBinary, outputName, others, timeoutMs } = this.#options;
    const names = allOutputs ? [outputName, ...others] : [outputName];
    const known = new Map(metadata.outputs.map((output) => [output.name, output]));
    const outputs = names.map((name) => known.get(name)!);
    const isRows = input.tensors === undefined;
    const tensors = isRows ? [asTensor(input, metadata.inputs[0]!)] : input.tensors;
    const request = writeInferRequest(tensors, { outputs: names, isBinary });
    const endMs = Math.min(deadlineMs, performance.now() + timeoutMs);
    return this.#run(request, { rows: isRows ? input.rows : undefined, outputs }, endMs);
  }

  /** The model is on another machine. Counts an estimate for this process, so that idle remote models are unloaded too. */
  memory(): SessionMemory[] {
    return [{ pid: process.pid, rssBytes: ownBytes }];
  }

  release(): Promise<void> {
    this.#breaker.stop();
    this.#connection.close();
    return Promise.resolve();
  }

  async #run(request: WrittenRequest, wanted: Wanted, deadlineMs: number): Promise<RunResult> {
    const beganMs = performance.now();
    const { rests } = this.#breaker;
    this.#running += 1;
    this.#budget.earn();
    try {
      const output = await this.#compute(request, wanted, deadlineMs).catch((cause: unknown) => {
        if (!this.#mayRetry(cause, beganMs, deadlineMs)) throw cause;
        return this.#compute(request, wanted, deadlineMs);
      });
      this.#breaker.succeeded(rests);
      return { output, seconds: (performance.now() - beganMs) / 1_000 };
    } catch (cause) {
      if (cause instanceof RemoteFailure && cause.isFault) this.#breaker.failed(cause.message, rests);
      else this.#breaker.succeeded(rests);
      throw cause;
    } finally {
      this.#running -= 1;
    }
  }

  async #compute({ headers, body }: WrittenRequest, wanted: Wanted, deadlineMs: number): Promise<RunOutput> {
    const { reference } = this.#options;
    const path = `${pathOf(reference)}/infer`;
    const answer = await this.#connection.send({ path, headers, body, maxBytes: maxResponseBytes(wanted), deadlineMs });
    if (answer.status !== 200) throw refusalOf(answer);
    return readInferResponse(answer, { ...wanted, reference });
  }

  /** A run has no side effects, so it may be repeated if the first attempt got no response. Never while the circuit is half-open. */
  #mayRetry(cause: unknown, beganMs: number, deadlineMs: number): boolean {
    if (!(cause instanceof RemoteFailure) || !cause.isRetryable || this.#breaker.isTrying) return false;
    const now = performance.now();
    return this.#budget.spend({ tookMs: now - beganMs, leftMs: deadlineMs - now });
  }
}

function asTensor({ data, rows, width }: Matrix, { name, datatype }: TensorInfo): InputTensor {
  return { name, datatype, shape: [rows, width], data };
}

/** Turns an error response of the server into an error. Only the status may reach clients; the text is for the log. */
function refusalOf({ status, body }: RemoteResponse): Problem | RemoteFailure {
  const reason = `the server answered ${status}`;
  const text = body
    .toString('latin1')
    .slice(0, maxLoggedText)
    .replace(/[^\x20-\x7e]+/g, ' ');
  const cause = new Error(text);
  if (refusals.includes(status)) return invalidModelOutput('the model failed', new Error(reason, { cause }));
  const isFault = status < 400 || status >= 500;
  return new RemoteFailure('crashed', reason, { isFault, isRetryable: overloads.includes(status), cause });
}
