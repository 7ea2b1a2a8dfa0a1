import { serviceBusy } from '../../http/problem.ts';
import type { ResponseMemory } from '../../http/response-memory.ts';
import type { Batcher } from '../batching/batcher.ts';
import type { Contract } from '../contract/types.ts';
import type { SessionMemory } from '../execution/executor.ts';
import type { ExecutorKind } from '../observer.ts';
import { PredictionResponder, type PredictionResponse } from '../postprocessing/prediction-response.ts';
import type { Preprocessor } from '../preprocessing/preprocessor.ts';
import { invalidTensors, takesTensors } from '../problems.ts';
import { StreamedRows } from '../row-formats.ts';
import { rowWiseVerdict, type RowWiseVerdict } from '../row-wise/verdict.ts';
import { quoteNames, toMatrix, toTensorInput } from '../tensors/input-tensors.ts';
import type {
  InputTensor,
  Matrix,
  ModelMetadata,
  NamedOutput,
  RunInput,
  RunOutput,
  TensorInfo,
} from '../tensors/types.ts';
import { encodingOf, modelInformation, type ModelInformation } from './model-information.ts';
import { secondaryOutputs, type EngineOptions } from './open-batcher.ts';
import { prepareModel, refuseModel, type PreparedModel } from './prepare-model.ts';

export interface CallerOptions {
  /** Id of the client; clients take turns. */
  readonly client?: string;
  /** Reserves memory for outputs and response; undefined for the service's own requests. */
  readonly memory?: ResponseMemory | undefined;
}

export interface PredictOptions extends CallerOptions {
  readonly scores?: boolean;
}

export interface InferOptions extends CallerOptions {
  /** Names of the outputs to return; default: all. */
  readonly outputs?: readonly string[] | undefined;
}

/**
 * Serves one model, with a method for each step: encode, run, decode. `predict` takes rows through all of them, `infer` tensors. Callers
 * that need intermediate results call the steps themselves.
 * @example
 * const model = await Predictor.load('resources/models/wine', { maxRows: 1_000, predictTimeoutMs: 1_000 });
 * const matrix = await model.encode([[13.2, 1.78]]);
 * const output = await model.run(matrix, { client: 'ada' });
 * const { predictions } = model.decode(output, matrix.rows);
 * await model.release();
 */
export class Predictor {
  readonly contract: Contract;
  /** Response headers that identify the model file: `x-model-sha256`. */
  readonly headers: Readonly<Record<string, string>>;
  /** Response to the contract's sample: computed at warm-up, shown in the documentation. */
  sampleResponse: PredictionResponse | undefined;
  /** Undefined for a model that takes tensors. */
  readonly #preprocessor: Preprocessor | undefined;
  readonly #metadata: ModelMetadata;
  readonly #batcher: Batcher;
  readonly #responder: PredictionResponder;
  /** Maximum number of rows in one request. */
  readonly maxRows: number;
  readonly #outputs: ReadonlyMap<string, TensorInfo>;
  /** Index of each output in the result of a run: -1 for the contract's, otherwise its index among the secondary outputs. */
  readonly #places: ReadonlyMap<string, number>;
  #isReleased = false;
  #encoding: string | undefined;

  private constructor(prepared: PreparedModel, batcher: Batcher, maxRows: number) {
    const { contract, metadata, preprocessor, outputName } = prepared;
    this.contract = contract;
    this.headers = { 'x-model-sha256': metadata.sha256 };
    this.#metadata = metadata;
    this.maxRows = maxRows;
    this.#outputs = new Map(metadata.outputs.map((output) => [output.name, output]));
    const others = secondaryOutputs(prepared).map((name, index): [string, number] => [name, index]);
    this.#places = new Map([[outputName, -1], ...others]);
    this.#preprocessor = preprocessor;
    this.#batcher = batcher;
    this.#responder = new PredictionResponder(prepared);
  }

  /** Loads a model folder and predicts its sample, so that a broken model stops the start. @throws {ModelFolderError} */
  static async load(folder: string, options: EngineOptions): Promise<Predictor> {
    return Predictor.start(await prepareModel(folder, options), options);
  }

  /** Second phase of `load`; safe to run for several models concurrently. @throws {ModelFolderError} */
  static async start(prepared: PreparedModel, options: EngineOptions): Promise<Predictor> {
    const { contract, sourcePath } = prepared;
    try {
      const batcher = await prepared.open(options);
      const predictor = new Predictor(prepared, batcher, options.maxRows);
      try {
        if (prepared.preprocessor !== undefined) predictor.sampleResponse = await predictor.predict(contract.sample);
      } catch (cause) {
        // Otherwise its processes would be leaked.
        await predictor.release();
        throw cause;
      }
      return predictor;
    } catch (cause) {
      throw refuseModel(sourcePath, cause);
    }
  }

  /**
   * Validates and encodes rows: synchronously, or as a promise for streamed rows.
   * @param body rows in JSON form (a list of rows or one named row, bare or as `{ instances }`), or `StreamedRows`
   * @returns a matrix of shape [rows, features]
   * @throws {Problem} 409 `takes_tensors`; 400 or 413 for invalid rows, thrown or as a rejection
   */
  encode(body: unknown): Matrix | Promise<Matrix> {
    const preprocessor = this.#preprocessor;
    if (preprocessor === undefined) throw takesTensors();
    if (body instanceof StreamedRows) return body.encode(preprocessor);
    return preprocessor.preprocess(body);
  }

  /** Checks that tensors are what the model takes; the contract's rules are not applied. @throws {Problem} 400 or 413 */
  encodeTensors(inputs: readonly InputTensor[]): RunInput {
    if (this.#preprocessor === undefined) return toTensorInput(inputs, this.#metadata);
    const width = this.contract.features.length;
    return toMatrix(inputs, { metadata: this.#metadata, width, maxRows: this.maxRows });
  }

  /** Returns outputs by name, in this order; without names, all of them. @throws {Problem} 400 `invalid_tensors` */
  selectOutputs(names: readonly string[] | undefined): readonly TensorInfo[] {
    const { outputs } = this.#metadata;
    if (names === undefined) return outputs;
    return names.map((name) => {
      const found = this.#outputs.get(name);
      if (found !== undefined) return found;
      throw invalidTensors(`Unknown output; the outputs of this model are ${quoteNames(outputs)}`);
    });
  }

  /**
   * Runs the model, in turn with other clients.
   * @param outputs the wanted outputs; default: the one that the contract reads
   * @throws {Problem} 503 synchronously; 422, 503 or 504 as a rejection
   */
  run(input: RunInput, { client, memory }: CallerOptions = {}, outputs?: readonly TensorInfo[]): Promise<RunOutput> {
    // The model was unloaded while this request's rows were still arriving.
    if (this.#isReleased) throw serviceBusy();
    const allOutputs = outputs?.some(({ name }) => this.#places.get(name) !== -1) ?? false;
    return this.#batcher.run(input, client, allOutputs, memory);
  }

  /** Builds the response from the output of a run over rows. @throws {Problem} 422 or 503 */
  decode(output: RunOutput, rows: number, { scores = false, memory }: PredictOptions = {}): PredictionResponse {
    return this.#responder.answer(output, rows, scores, memory);
  }

  /** Returns the outputs of a run that requested them. */
  decodeTensors(output: RunOutput, outputs: readonly TensorInfo[]): NamedOutput[] {
    return outputs.map((info) => this.#named(info, output));
  }

  /** Predicts rows. @throws {Problem} what `encode`, `run` and `decode` throw */
  predict(body: unknown, options: PredictOptions = {}): Promise<PredictionResponse> {
    // Not async: an async function would keep the body alive while its rows wait, many times the memory of the matrix.
    const encoded = this.encode(body);
    return encoded instanceof Promise
      ? encoded.then((matrix) => this.predictEncoded(matrix, options))
      : this.predictEncoded(encoded, options);
  }

  /** Predicts encoded rows. @throws {Problem} 422, 503 or 504 */
  async predictEncoded(matrix: Matrix, options: PredictOptions = {}): Promise<PredictionResponse> {
    const output = await this.run(matrix, options);
    return this.decode(output, matrix.rows, options);
  }

  /** Runs the model on tensors. @throws {Problem} 400, 413 or 503 synchronously; 422, 503 or 504 as a rejection */
  infer(inputs: readonly InputTensor[], options: InferOptions = {}): Promise<NamedOutput[]> {
    const input = this.encodeTensors(inputs);
    const outputs = this.selectOutputs(options.outputs);
    return this.run(input, options, outputs).then((output) => this.decodeTensors(output, outputs));
  }

  get isUsable(): boolean {
    return this.#batcher.executor.fault === undefined;
  }

  /** @throws {Error} while the model cannot compute */
  check(): void {
    const { fault } = this.#batcher.executor;
    if (fault !== undefined) throw new Error(`${this.contract.name}: ${fault.message}`);
  }

  #named({ name, datatype }: TensorInfo, run: RunOutput): NamedOutput {
    const place = this.#places.get(name)!;
    const { data, shape } = place === -1 ? run : run.secondaryOutputs![place]!;
    return { name, datatype, data, shape };
  }

  /** Whether requests may share its runs, and why not. */
  get verdict(): RowWiseVerdict {
    return rowWiseVerdict({ contract: this.contract, metadata: this.#metadata });
  }

  /** Executor kind and memory of the processes that hold the model. */
  sessions(): { kind: ExecutorKind; memory: SessionMemory[] } {
    const { executor } = this.#batcher;
    return { kind: executor.kind, memory: executor.memory() };
  }

  /** Whether a run is in progress. */
  get isBusy(): boolean {
    const { free, slots } = this.#batcher.executor;
    return free < slots;
  }

  /** Memory in bytes of the processes that hold the model, as far as it is known. */
  get memoryBytes(): number {
    return this.#batcher.executor.memory().reduce((sum, { rssBytes }) => sum + rssBytes, 0);
  }

  /** Fingerprint of the encoding: equal for models that encode the same rows to the same numbers. */
  get encoding(): string {
    return (this.#encoding ??= encodingOf(this.contract, this.#metadata));
  }

  /** Returns what a client needs to call the model: identity, contract, metrics and a sample row. */
  information(): ModelInformation {
    return modelInformation(this.contract, this.#metadata);
  }

  /** Releases the model after the accepted predictions. */
  release(): Promise<void> {
    this.#isReleased = true;
    return this.#batcher.release();
  }
}
