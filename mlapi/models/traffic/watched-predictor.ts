import { StreamedBody } from '../../http/body/streamed-body.ts';
import { Problem } from '../../http/problem.ts';
import type { Serving } from '../../inference/model-source.ts';
import type { PredictionResponse } from '../../inference/postprocessing/prediction-response.ts';
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
import type { Counter } from './counter.ts';
import type { InputBins } from './input-bins.ts';
import type { ShadowTraffic } from './shadow-traffic.ts';

interface WatchOptions {
  readonly counter: Counter;
  readonly inputs: InputBins;
  readonly shadowTraffic?: ShadowTraffic;
}

/** A request whose rows are encoded. */
interface EncodedRequest {
  /** When it began, by `performance.now()`: its rows were still to be encoded. */
  readonly beganMs: number;
  /** Where a shadow is asked, too. */
  readonly shadowTraffic?: ShadowTraffic | undefined;
  /** The rows as they came, where a shadow may have to encode them in its own way. */
  readonly body?: unknown;
}

/** A model whose predictions are counted, and some of them asked again of a shadow. */
export class WatchedPredictor implements Serving {
  readonly contract: Serving['contract'];
  readonly headers: Serving['headers'];
  readonly maxRows: number;
  readonly #model: Serving;
  readonly #counter: Counter;
  readonly #inputs: InputBins;
  readonly #shadowTraffic: ShadowTraffic | undefined;

  constructor(model: Serving, { counter, inputs, shadowTraffic }: WatchOptions) {
    const { contract, headers, maxRows } = model;
    this.contract = contract;
    this.headers = headers;
    this.maxRows = maxRows;
    this.#model = model;
    this.#counter = counter;
    this.#inputs = inputs;
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

  /** Not async: only a shadow may hold the body while its rows wait (see `Predictor.predict`). */
  predict(body: unknown, options: PredictOptions = {}): Promise<PredictionResponse> {
    const beganMs = performance.now();
    const shadowTraffic = this.#shadowTraffic?.chosen();
    // A streamed table is gone once it was read, so it cannot be encoded again.
    const kept = shadowTraffic === undefined || body instanceof StreamedBody ? undefined : body;
    const request = { beganMs, shadowTraffic, body: kept };
    let encoded: Matrix | Promise<Matrix>;
    try {
      encoded = this.#model.encode(body);
    } catch (cause) {
      return this.#refuse(cause);
    }
    if (!(encoded instanceof Promise)) return this.#predict(encoded, options, request);
    return encoded.then(
      (matrix) => this.#predict(matrix, options, request),
      (cause: unknown) => this.#refuse(cause),
    );
  }

  predictEncoded(matrix: Matrix, options: PredictOptions = {}): Promise<PredictionResponse> {
    return this.#predict(matrix, options, { beganMs: performance.now() });
  }

  /** Not async, as `predict`. */
  infer(inputs: readonly InputTensor[], options: InferOptions = {}): Promise<NamedOutput[]> {
    const beganMs = performance.now();
    const shadowTraffic = this.#shadowTraffic?.chosen();
    let input: RunInput;
    try {
      input = this.#model.encodeTensors(inputs);
    } catch (cause) {
      return this.#refuse(cause);
    }
    const answer = this.#infer(input, options, beganMs);
    if (shadowTraffic === undefined) return answer;
    const { rows } = input;
    return answer.then((outputs) => {
      void shadowTraffic.infer(inputs, { outputs, rows });
      return outputs;
    });
  }

  /** The shadow is asked when the caller has its answer, and never makes it wait. */
  async #predict(
    matrix: Matrix,
    options: PredictOptions,
    { beganMs, shadowTraffic, body }: EncodedRequest,
  ): Promise<PredictionResponse> {
    let made: PredictionResponse;
    try {
      this.#inputs.observe(matrix);
      const output = await this.#model.run(matrix, options);
      made = this.#model.decode(output, matrix.rows, options);
    } catch (cause) {
      return this.#refuse(cause);
    }
    this.#answered(matrix.rows, beganMs);
    void shadowTraffic?.predict({ encoded: matrix, body }, made);
    return made;
  }

  async #infer(input: RunInput, options: InferOptions, beganMs: number): Promise<NamedOutput[]> {
    let made: NamedOutput[];
    try {
      if ('data' in input) this.#inputs.observe(input);
      const outputs = this.#model.selectOutputs(options.outputs);
      made = this.#model.decodeTensors(await this.#model.run(input, options, outputs), outputs);
    } catch (cause) {
      return this.#refuse(cause);
    }
    this.#answered(input.rows, beganMs);
    return made;
  }

  #answered(rows: number, beganMs: number): void {
    this.#counter.answered(rows, (performance.now() - beganMs) / 1_000);
  }

  /** Counts a request that is not answered, and throws what it threw. */
  #refuse(cause: unknown): never {
    const isRefused = cause instanceof Problem && cause.status < 500 && cause.status !== 422;
    this.#counter.refused(isRefused ? 'refused' : 'failed');
    throw cause;
  }
}
