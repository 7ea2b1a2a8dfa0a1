import { StreamedBody } from '../../http/body/streamed-body.ts';
import { serviceBusy } from '../../http/problem.ts';
import type { ResponseMemory } from '../../http/response-memory.ts';
import type { Batcher } from '../batching/batcher.ts';
import type { Contract } from '../contract/types.ts';
import type { SessionMemory } from '../execution/executor.ts';
import type { ExecutorKind } from '../observer.ts';
import { PredictionResponder, type PredictionResponse } from '../postprocessing/prediction-response.ts';
import type { Preprocessor } from '../preprocessing/preprocessor.ts';
import { invalidTensors, takesTensors } from '../problems.ts';
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
  /** Client that the request belongs to: clients take turns. */
  readonly client?: string;
  /** Asked before the outputs are kept and the answer is made; without it, that is the service's own request. */
  readonly memory?: ResponseMemory | undefined;
}

export interface PredictOptions extends CallerOptions {
  readonly scores?: boolean;
}

export interface InferOptions extends CallerOptions {
  /** The outputs to answer, by their names; without it, all of them. */
  readonly outputs?: readonly string[] | undefined;
}

/**
 * One model, ready to serve, with a verb for each step: encode, run, decode. `predict` takes rows through them, and `infer` tensors;
 * a caller that needs what is between the steps calls the verbs itself.
 * @example
 * const matrix = await model.encode([[13.2, 1.78]]);
 * const output = await model.run(matrix, { client: 'ada' });
 * const { predictions } = model.decode(output, matrix.rows);
 */
export class Predictor {
  readonly contract: Contract;
  /** Response headers that identify the model file: `x-model-sha256`. */
  readonly headers: Readonly<Record<string, string>>;
  /** Response to the contract's sample: computed at warm-up, shown in the documents. */
  sampleResponse: PredictionResponse | undefined;
  /** Undefined for a model that takes no rows. */
  readonly #preprocessor: Preprocessor | undefined;
  readonly #metadata: ModelMetadata;
  readonly #batcher: Batcher;
  readonly #responder: PredictionResponder;
  /** Maximum number of rows in one request. */
  readonly maxRows: number;
  /** Where a run has each output: the contract's at -1, the others at their index. */
  readonly #outputs: ReadonlyMap<string, TensorInfo>;
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

  /** Loads a model folder and predicts its sample, so that what cannot serve never starts. @throws {ModelFolderError} */
  static async load(folder: string, options: EngineOptions): Promise<Predictor> {
    return Predictor.start(await prepareModel(folder, options), options);
  }

  /** The second half of `load`, which may be done for several models at once. @throws {ModelFolderError} */
  static async start(prepared: PreparedModel, options: EngineOptions): Promise<Predictor> {
    const { contract, sourcePath } = prepared;
    try {
      const batcher = await prepared.open(options);
      const predictor = new Predictor(prepared, batcher, options.maxRows);
      try {
        if (prepared.preprocessor !== undefined) predictor.sampleResponse = await predictor.predict(contract.sample);
      } catch (cause) {
        // Its processes would go on without anybody who knows of them.
        await predictor.release();
        throw cause;
      }
      return predictor;
    } catch (cause) {
      throw refuseModel(sourcePath, cause);
    }
  }

  /**
   * Validates rows and encodes them: at once, or by a promise where they are a stream of CSV.
   * @param body rows as JSON has them, or CSV
   * @throws {Problem} 400 or 409, at once or by its promise; 413
   */
  encode(body: unknown): Matrix | Promise<Matrix> {
    const preprocessor = this.#preprocessor;
    if (preprocessor === undefined) throw takesTensors();
    if (body instanceof StreamedBody) return body.into((hold) => preprocessor.csvRows(hold));
    return preprocessor.preprocess(body);
  }

  /** The same for raw tensors, past the contract: nothing is validated but that they are what the model takes. @throws {Problem} 400 or 413 */
  encodeTensors(inputs: readonly InputTensor[]): RunInput {
    if (this.#preprocessor === undefined) return toTensorInput(inputs, this.#metadata);
    const width = this.contract.features.length;
    return toMatrix(inputs, { metadata: this.#metadata, width, maxRows: this.maxRows });
  }

  /** Outputs by their names, in this order; without names, all of them. @throws {Problem} 400 */
  selectOutputs(names: readonly string[] | undefined): readonly TensorInfo[] {
    const { outputs } = this.#metadata;
    if (names === undefined) return outputs;
    return names.map((name) => {
      const found = this.#outputs.get(name);
      if (found !== undefined) return found;
      throw invalidTensors(`The outputs of this model are ${quoteNames(outputs)}`);
    });
  }

  /**
   * Computes, in turn with other clients.
   * @param outputs those that are wanted; without it, the one that the contract reads
   * @throws {Problem} 503 at once; 422, 503 or 504 by its promise
   */
  run(input: RunInput, { client, memory }: CallerOptions = {}, outputs?: readonly TensorInfo[]): Promise<RunOutput> {
    // It made room for another while this request's rows were still coming.
    if (this.#isReleased) throw serviceBusy();
    const allOutputs = outputs?.some(({ name }) => this.#places.get(name) !== -1) ?? false;
    return this.#batcher.run(input, client, allOutputs, memory);
  }

  /** Makes the answer of what a run computed for some rows. @throws {Problem} 422 or 503 */
  decode(output: RunOutput, rows: number, { scores = false, memory }: PredictOptions = {}): PredictionResponse {
    return this.#responder.answer(output, rows, scores, memory);
  }

  /** Raw outputs of a run that was asked for them. */
  decodeTensors(output: RunOutput, outputs: readonly TensorInfo[]): NamedOutput[] {
    return outputs.map((info) => this.#named(info, output));
  }

  /** Answers rows. @throws {Problem} what `encode`, `run` and `decode` throw */
  predict(body: unknown, options: PredictOptions = {}): Promise<PredictionResponse> {
    // An async function would keep the body while its rows wait: many times the memory of its matrix, copied by every collection.
    const encoded = this.encode(body);
    return encoded instanceof Promise
      ? encoded.then((matrix) => this.predictEncoded(matrix, options))
      : this.predictEncoded(encoded, options);
  }

  /** The same for rows that are encoded already. @throws {Problem} 422, 503 or 504 */
  async predictEncoded(matrix: Matrix, options: PredictOptions = {}): Promise<PredictionResponse> {
    const output = await this.run(matrix, options);
    return this.decode(output, matrix.rows, options);
  }

  /** Answers raw tensors. @throws {Problem} 400, 413 or 503, at once; 422, 503 or 504 */
  infer(inputs: readonly InputTensor[], options: InferOptions = {}): Promise<NamedOutput[]> {
    const input = this.encodeTensors(inputs);
    const outputs = this.selectOutputs(options.outputs);
    return this.run(input, options, outputs).then((output) => this.decodeTensors(output, outputs));
  }

  get isUsable(): boolean {
    return this.#batcher.executor.fault === undefined;
  }

  /** Fails while the model cannot compute. */
  check(): void {
    const { fault } = this.#batcher.executor;
    if (fault !== undefined) throw new Error(`${this.contract.name}: ${fault.message}`);
  }

  #named({ name, datatype }: TensorInfo, run: RunOutput): NamedOutput {
    const place = this.#places.get(name)!;
    const { data, shape } = place === -1 ? run : run.secondaryOutputs![place]!;
    return { name, datatype, data, shape };
  }

  /** Whether requests may share its runs. */
  get verdict(): RowWiseVerdict {
    return rowWiseVerdict({ contract: this.contract, metadata: this.#metadata });
  }

  /** Where it computes, and what memory that takes. */
  sessions(): { kind: ExecutorKind; memory: SessionMemory[] } {
    const { executor } = this.#batcher;
    return { kind: executor.kind, memory: executor.memory() };
  }

  /** Whether it computes. */
  get isBusy(): boolean {
    const { free, slots } = this.#batcher.executor;
    return free < slots;
  }

  /** Memory of the processes that hold the model, as far as it is known. */
  get memoryBytes(): number {
    return this.#batcher.executor.memory().reduce((sum, { rssBytes }) => sum + rssBytes, 0);
  }

  /** Equal for models that encode the same rows to the same numbers. */
  get encoding(): string {
    return (this.#encoding ??= encodingOf(this.contract, this.#metadata));
  }

  /** Returns all that a client needs in order to call: identity, contract, measured quality, one row to start from. */
  information(): ModelInformation {
    return modelInformation(this.contract, this.#metadata);
  }

  /** Ends it, after the predictions that were accepted. */
  release(): Promise<void> {
    this.#isReleased = true;
    return this.#batcher.release();
  }
}
