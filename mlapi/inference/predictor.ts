import { StreamedBody } from '../http/streamed-body.ts';
import type { Batcher } from './batcher.ts';
import type { SessionMemory } from './executor.ts';
import type { ModelWrapper, TensorInfo } from './model-wrapper.ts';
import type { ExecutorKind } from './observer.ts';
import { openBatcher, type EngineOptions } from './open-batcher.ts';
import { Postprocessor } from './postprocessor.ts';
import { prepareModel, refuseModel, type PreparedModel } from './prepared-model.ts';
import type { Preprocessor } from './preprocessor.ts';
import type { Contract, Matrix, Prediction } from './types.ts';

/** The answer to a prediction: one prediction per row, in the order of the rows. */
export interface PredictionAnswer {
  readonly model: string;
  readonly version: string;
  readonly predictions: readonly Prediction[];
  readonly classes?: readonly (string | number)[];
  readonly scores?: readonly (readonly number[])[];
}

interface PredictOptions {
  readonly scores?: boolean;
  /** Whose request it is: clients take turns. */
  readonly client?: string;
}

/** One model, ready to serve: preprocess, predict, postprocess. */
export class Predictor {
  readonly contract: Contract;
  /** What the model answers to the contract's sample: made at warm-up, shown in the documents. */
  sampleAnswer: PredictionAnswer | undefined;
  readonly #preprocessor: Preprocessor;
  readonly #identity: Pick<ModelWrapper, 'sha256' | 'inputs' | 'outputs'>;
  readonly #batcher: Batcher;
  readonly #postprocessor: Postprocessor;

  private constructor({ contract, wrapper, preprocessor }: PreparedModel, batcher: Batcher) {
    const { sha256, inputs, outputs } = wrapper;
    this.contract = contract;
    this.#identity = { sha256, inputs, outputs };
    this.#preprocessor = preprocessor;
    this.#batcher = batcher;
    this.#postprocessor = new Postprocessor(contract.output);
  }

  /** Loads a model folder and predicts its sample, so that what cannot serve never starts. @throws {ModelFolderError} */
  static async load(folder: string, options: EngineOptions): Promise<Predictor> {
    return Predictor.start(await prepareModel(folder, options), options);
  }

  /** The second half of `load`, which may be done for several models at once. @throws {ModelFolderError} */
  static async start(prepared: PreparedModel, options: EngineOptions): Promise<Predictor> {
    const { contract, blamed } = prepared;
    try {
      const predictor = new Predictor(prepared, await openBatcher(prepared, options, prepared.inline));
      predictor.sampleAnswer = await predictor.predict(contract.sample);
      return predictor;
    } catch (cause) {
      throw refuseModel(blamed, cause);
    }
  }

  /** @param body rows as JSON has them, or CSV. @throws {Problem} 400, at once or by its promise; 413, 422, 503 or 504 */
  predict(body: unknown, options: PredictOptions = {}): Promise<PredictionAnswer> {
    // An async function would keep the body while its rows wait: many times the memory of its matrix, copied by every collection.
    if (!(body instanceof StreamedBody)) return this.#compute(this.#preprocessor.preprocess(body), options);
    return body.into((hold) => this.#preprocessor.csvRows(hold)).then((matrix) => this.#compute(matrix, options));
  }

  async #compute(matrix: Matrix, { scores = false, client }: PredictOptions): Promise<PredictionAnswer> {
    const output = await this.#batcher.run(matrix, client);
    const { name, version } = this.contract;
    const predictions = this.#postprocessor.predictions(output, matrix.rows);
    if (!scores) return { model: name, version, predictions };
    return { model: name, version, predictions, ...this.#postprocessor.scores(output, matrix.rows) };
  }

  /** Fails while the model cannot compute. */
  check(): void {
    const { fault } = this.#batcher.executor;
    if (fault !== undefined) throw new Error(`${this.contract.name}: ${fault.message}`);
  }

  /** Where it computes, and what memory that takes. */
  sessions(): { kind: ExecutorKind; memory: SessionMemory[] } {
    const { executor } = this.#batcher;
    return { kind: executor.kind, memory: executor.memory() };
  }

  /** What a client needs to know in order to call: identity, contract, measured quality, one row to start from. */
  information(): ModelInformation {
    const { name, version, description, features, output, metrics, sample } = this.contract;
    const { sha256, inputs, outputs } = this.#identity;
    const classes = output.labels ?? [];
    return {
      name,
      version,
      description,
      platform: 'onnx_onnxv1',
      sha256,
      inputs,
      outputs,
      features,
      classes,
      metrics,
      sample,
    };
  }

  /** Ends it, after the predictions that were accepted. */
  release(): Promise<void> {
    return this.#batcher.release();
  }
}

export interface ModelInformation extends Omit<Contract, 'output' | 'batching' | 'executor'> {
  readonly platform: string;
  readonly sha256: string;
  readonly inputs: readonly TensorInfo[];
  readonly outputs: readonly TensorInfo[];
  readonly classes: readonly (string | number)[];
}
