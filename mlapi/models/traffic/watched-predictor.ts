import { Problem } from '../../http/problem.ts';
import type { Serving } from '../../inference/model-source.ts';
import type { PredictionResponse } from '../../inference/postprocessing/prediction-response.ts';
import { StreamedRows } from '../../inference/row-formats.ts';
import type { CallerOptions, InferOptions, PredictOptions } from '../../inference/serving/predictor.ts';
import type {
  InputTensor,
  Matrix,
  NamedOutput,
  OutputTensor,
  RunInput,
  RunOutput,
  TensorInfo,
} from '../../inference/tensors/types.ts';
import type { PerPeriod } from './per-period.ts';
import type { ShadowTraffic } from './shadow-traffic.ts';
import type { Tally } from './traffic.ts';

interface WatchOptions {
  readonly tally: PerPeriod<Tally>;
  readonly shadowTraffic?: ShadowTraffic;
}

/** A request with encoded rows. */
interface EncodedRequest {
  /** Start of the request, before its rows were encoded, by `performance.now()`. */
  readonly beganMs: number;
  /** Counts of the period in which it began. */
  readonly tally: Tally;
  /** Set if the request is also sent to a shadow. */
  readonly shadowTraffic?: ShadowTraffic | undefined;
  /** The rows as received, in case the shadow encodes them differently. */
  readonly body?: unknown;
}

/** Counts the predictions of a model and sends some of them to a shadow as well. */
export class WatchedPredictor implements Serving {
  readonly contract: Serving['contract'];
  readonly headers: Serving['headers'];
  readonly maxRows: number;
  readonly #model: Serving;
  readonly #tally: PerPeriod<Tally>;
  readonly #shadowTraffic: ShadowTraffic | undefined;

  constructor(model: Serving, { tally, shadowTraffic }: WatchOptions) {
    const { contract, headers, maxRows } = model;
    this.contract = contract;
    this.headers = headers;
    this.maxRows = maxRows;
    this.#model = model;
    this.#tally = tally;
    this.#shadowTraffic = shadowTraffic;
  }

  get encoding(): string {
    return this.#model.encoding;
  }

  encode(body: unknown): Matrix | Promise<Matrix> {
    return this.#model.encode(body);
  }

  encodeTensors(inputs: readonly InputTensor[]): RunInput {
    return this.#model.encodeTensors(inputs);
  }

  selectOutputs(names: readonly string[] | undefined): readonly TensorInfo[] {
    return this.#model.selectOutputs(names);
  }

  run(input: RunInput, caller?: CallerOptions, outputs?: readonly TensorInfo[]): Promise<RunOutput> {
    return this.#model.run(input, caller, outputs);
  }

  decode(output: OutputTensor, rows: number, options?: PredictOptions): PredictionResponse {
    return this.#model.decode(output, rows, options);
  }

  decodeTensors(output: RunOutput, outputs: readonly TensorInfo[]): NamedOutput[] {
    return this.#model.decodeTensors(output, outputs);
  }

  /** Not async: only a shadow may keep the body alive while its rows wait (see `Predictor.predict`). */
  predict(body: unknown, options: PredictOptions = {}): Promise<PredictionResponse> {
    const beganMs = performance.now();
    const tally = this.#tally.current();
    const shadowTraffic = this.#shadowTraffic?.chosen();
    // Streamed rows have been consumed and cannot be encoded again.
    const kept = shadowTraffic === undefined || body instanceof StreamedRows ? undefined : body;
    const request = { beganMs, tally, shadowTraffic, body: kept };
    let encoded: Matrix | Promise<Matrix>;
    try {
      encoded = this.#model.encode(body);
    } catch (cause) {
      return refuse(cause, tally);
    }
    if (!(encoded instanceof Promise)) return this.#predict(encoded, options, request);
    return encoded.then(
      (matrix) => this.#predict(matrix, options, request),
      (cause: unknown) => refuse(cause, tally),
    );
  }

  predictEncoded(matrix: Matrix, options: PredictOptions = {}): Promise<PredictionResponse> {
    return this.#predict(matrix, options, { beganMs: performance.now(), tally: this.#tally.current() });
  }

  /** Not async, like `predict`. */
  infer(inputs: readonly InputTensor[], options: InferOptions = {}): Promise<NamedOutput[]> {
    const beganMs = performance.now();
    const tally = this.#tally.current();
    const shadowTraffic = this.#shadowTraffic?.chosen();
    let input: RunInput;
    try {
      input = this.#model.encodeTensors(inputs);
    } catch (cause) {
      return refuse(cause, tally);
    }
    const answer = this.#infer(input, options, { beganMs, tally });
    if (shadowTraffic === undefined) return answer;
    const { rows } = input;
    return answer.then((outputs) => {
      void shadowTraffic.infer(inputs, { outputs, rows });
      return outputs;
    });
  }

  /** The shadow runs after the caller has its response and never delays it. */
  async #predict(
    matrix: Matrix,
    options: PredictOptions,
    { beganMs, tally, shadowTraffic, body }: EncodedRequest,
  ): Promise<PredictionResponse> {
    let made: PredictionResponse;
    try {
      tally.inputs.observe(matrix, beganMs);
      const output = await this.#model.run(matrix, options);
      made = this.#model.decode(output, matrix.rows, options);
    } catch (cause) {
      return refuse(cause, tally);
    }
    tally.counter.answered(matrix.rows, secondsSince(beganMs));
    void shadowTraffic?.predict({ encoded: matrix, body }, made);
    return made;
  }

  async #infer(input: RunInput, options: InferOptions, { beganMs, tally }: EncodedRequest): Promise<NamedOutput[]> {
    let made: NamedOutput[];
    try {
      if ('data' in input) tally.inputs.observe(input, beganMs);
      const outputs = this.#model.selectOutputs(options.outputs);
      made = this.#model.decodeTensors(await this.#model.run(input, options, outputs), outputs);
    } catch (cause) {
      return refuse(cause, tally);
    }
    tally.counter.answered(input.rows, secondsSince(beganMs));
    return made;
  }
}

/** Counts a request without a response, and rethrows. */
function refuse(cause: unknown, { counter }: Tally): never {
  const isRefused = cause instanceof Problem && cause.status < 500 && cause.status !== 422;
  counter.refused(isRefused ? 'refused' : 'failed');
  throw cause;
}

function secondsSince(beganMs: number): number {
  return (performance.now() - beganMs) / 1_000;
}
