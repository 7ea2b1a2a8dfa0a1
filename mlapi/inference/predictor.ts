import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Problem } from '../http/problem.ts';
import { readContract } from './contract.ts';
import { ModelWrapper, type TensorInfo } from './model-wrapper.ts';
import { Postprocessor } from './postprocessor.ts';
import { Preprocessor } from './preprocessor.ts';
import { ModelFolderError, type Contract, type Prediction } from './types.ts';

/** The answer to a prediction: one prediction per row, in the order of the rows. */
export interface PredictionAnswer {
  readonly model: string;
  readonly version: string;
  readonly predictions: readonly Prediction[];
  readonly classes?: readonly (string | number)[];
  readonly scores?: readonly (readonly number[])[];
}

/** One model, ready to serve: preprocess, predict, postprocess. */
export class Predictor {
  readonly contract: Contract;
  /** What the model answers to the contract's sample: made at warm-up, shown in the documents. */
  sampleAnswer: PredictionAnswer | undefined;
  readonly #preprocessor: Preprocessor;
  readonly #model: ModelWrapper;
  readonly #outputName: string;
  readonly #postprocessor: Postprocessor;

  /** @throws if contract and model do not fit each other */
  constructor(contract: Contract, model: ModelWrapper, maxRows: number) {
    this.contract = contract;
    this.#model = model;
    this.#outputName = model.chooseOutput(contract.output.tensor);
    this.#preprocessor = new Preprocessor(contract.features, model.inputType, maxRows);
    this.#postprocessor = new Postprocessor(contract.output);
  }

  /** Loads a model folder and predicts its sample, so that what cannot serve never starts. @throws {ModelFolderError} */
  static async load(folder: string, maxRows: number): Promise<Predictor> {
    const onnxPath = join(folder, 'model.onnx');
    const contractPath = join(folder, 'model.json');
    const model = await ModelWrapper.load(onnxPath);
    const contract = readContract(folder, model.width);
    try {
      const predictor = new Predictor(contract, model, maxRows);
      predictor.sampleAnswer = await predictor.predict(contract.sample);
      return predictor;
    } catch (cause) {
      const path = existsSync(contractPath) ? contractPath : onnxPath;
      if (cause instanceof Problem) throw new ModelFolderError(path, describeRefusal(cause), { cause });
      throw ModelFolderError.of(path, cause);
    }
  }

  /** @throws {Problem} 400, 413 or 422 */
  async predict(body: unknown, { scores = false } = {}): Promise<PredictionAnswer> {
    const matrix = this.#preprocessor.preprocess(body);
    const output = await this.#model.run(matrix, this.#outputName);
    const { name, version } = this.contract;
    const predictions = this.#postprocessor.predictions(output, matrix.rows);
    if (!scores) return { model: name, version, predictions };
    return { model: name, version, predictions, ...this.#postprocessor.scores(output, matrix.rows) };
  }

  /** What a client needs to know in order to call: identity, contract, measured quality, one row to start from. */
  information(): ModelInformation {
    const { name, version, description, features, output, metrics, sample } = this.contract;
    const { sha256, inputs, outputs } = this.#model;
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

  async release(): Promise<void> {
    await this.#model.release();
  }
}

export interface ModelInformation extends Omit<Contract, 'output'> {
  readonly platform: string;
  readonly sha256: string;
  readonly inputs: readonly TensorInfo[];
  readonly outputs: readonly TensorInfo[];
  readonly classes: readonly (string | number)[];
}

function describeRefusal({ message, errors = [] }: Problem): string {
  const cells = errors.map(({ pointer, detail }) => ` ${pointer} ${detail}.`).join('');
  return `the model cannot predict its sample row: ${message}${cells}`;
}
