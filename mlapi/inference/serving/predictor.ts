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
  ModelFile,
  NamedOutput,
  RunInput,
  RunOutput,
  TensorInfo,
} from '../tensors/types.ts';
import { secondaryOutputs, type EngineOptions } from './open-batcher.ts';
import { prepareModel, refuseModel, type PreparedModel } from './prepare-model.ts';

interface CallerOptions {
  /** Client that the request belongs to: clients take turns. */
  readonly client?: string;
  /** Asked before the outputs are kept and the answer is made; without it, that is the service's own request. */
  readonly memory?: ResponseMemory | undefined;
  /** Sees what the model gets, before it computes; it must not be changed. */
  readonly onEncoded?: (input: RunInput) => void;
}

export interface PredictOptions extends CallerOptions {
  readonly scores?: boolean;
}

export interface InferOptions extends CallerOptions {
  /** The outputs to answer, by their names; without it, all of them. */
  readonly outputs?: readonly string[] | undefined;
}

/** One model, ready to serve: preprocess, predict, postprocess. */
export class Predictor {
  readonly contract: Contract;
  /** It answers for itself. */
  readonly predictor = this;
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

  /** @param body rows as JSON has them, or CSV. @throws {Problem} 400 or 409, at once or by its promise; 413, 422, 503 or 504 */
  predict(body: unknown, options: PredictOptions = {}): Promise<PredictionResponse> {
    // An async function would keep the body while its rows wait: many times the memory of its matrix, copied by every collection.
    const preprocessor = this.#preprocessor;
    if (preprocessor === undefined) throw takesTensors();
    if (!(body instanceof StreamedBody)) return this.predictEncoded(preprocessor.preprocess(body), options);
    return body.into((hold) => preprocessor.csvRows(hold)).then((matrix) => this.predictEncoded(matrix, options));
  }

  /** The same for rows that are encoded already. @throws {Problem} 422, 503 or 504 */
  async predictEncoded(
    matrix: Matrix,
    { scores = false, client, memory, onEncoded }: PredictOptions = {},
  ): Promise<PredictionResponse> {
    // It made room for another while this request's rows were still coming.
    if (this.#isReleased) throw serviceBusy();
    onEncoded?.(matrix);
    const output = await this.#batcher.run(matrix, client, false, memory);
    return this.#responder.answer(output, matrix.rows, scores, memory);
  }

  /**
   * Computes raw tensors, past the contract: nothing is validated but that they are what the model takes.
   * @returns the outputs in the order in which they were named, or in the model's
   * @throws {Problem} 400 or 413, at once; 422, 503 or 504
   */
  infer(
    inputs: readonly InputTensor[],
    { outputs, client, memory, onEncoded }: InferOptions = {},
  ): Promise<NamedOutput[]> {
    const input = this.#toInput(inputs);
    if (this.#isReleased) throw serviceBusy();
    onEncoded?.(input);
    const wanted = this.#chooseOutputs(outputs);
    const allOutputs = wanted.some(({ name }) => this.#places.get(name) !== -1);
    return this.#batcher
      .run(input, client, allOutputs, memory)
      .then((run) => wanted.map((info) => this.#named(info, run)));
  }

  get isUsable(): boolean {
    return this.#batcher.executor.fault === undefined;
  }

  /** Fails while the model cannot compute. */
  check(): void {
    const { fault } = this.#batcher.executor;
    if (fault !== undefined) throw new Error(`${this.contract.name}: ${fault.message}`);
  }

  #toInput(inputs: readonly InputTensor[]): RunInput {
    if (this.#preprocessor === undefined) return toTensorInput(inputs, this.#metadata);
    const width = this.contract.features.length;
    return toMatrix(inputs, { metadata: this.#metadata, width, maxRows: this.maxRows });
  }

  #chooseOutputs(names: readonly string[] | undefined): readonly TensorInfo[] {
    const { outputs } = this.#metadata;
    if (names === undefined) return outputs;
    return names.map((name) => {
      const found = this.#outputs.get(name);
      if (found !== undefined) return found;
      throw invalidTensors(`The outputs of this model are ${quoteNames(outputs)}`);
    });
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

export function modelInformation(contract: Contract, metadata: ModelMetadata): ModelInformation {
  const { name, version, description, features, output, metrics, sample } = contract;
  const { sha256, files, inputs, outputs, platform = 'onnx_onnxv1' } = metadata;
  const classes = output.labels ?? [];
  const identity = { name, version, description, platform, sha256, ...(files !== undefined && { files }) };
  const verdict = rowWiseVerdict({ contract, metadata });
  return { ...identity, inputs, outputs, features, classes, metrics, sample, ...verdict };
}

export interface ModelInformation
  extends
    Omit<Contract, 'output' | 'batching' | 'executor' | 'reference' | 'remote' | 'sampleRequest'>,
    RowWiseVerdict {
  readonly platform: string;
  /** SHA-256 over all files of the model. */
  readonly sha256: string;
  /** Where it has external data. */
  readonly files?: readonly ModelFile[];
  readonly inputs: readonly TensorInfo[];
  readonly outputs: readonly TensorInfo[];
  readonly classes: readonly (string | number)[];
}
