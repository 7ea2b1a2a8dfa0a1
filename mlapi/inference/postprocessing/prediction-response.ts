import type { ResponseMemory } from '../../http/response-memory.ts';
import type { Contract, Prediction } from '../contract/types.ts';
import { invalidModelOutput } from '../problems.ts';
import type { ModelMetadata, OutputTensor } from '../tensors/types.ts';
import { Postprocessor } from './postprocessor.ts';

/** Response to a prediction request: one prediction per row, in order. */
export interface PredictionResponse {
  readonly model: string;
  readonly version: string;
  /** Digest of the model that predicted, for models that can be replaced under the same name. */
  readonly sha256?: string;
  readonly predictions: readonly Prediction[];
  readonly classes?: readonly (string | number)[];
  readonly scores?: readonly (readonly number[])[];
}

/** Most numbers in a response: they are formatted in one turn of the event loop. */
const maxNumbers = 1_000_000;
/** Memory in bytes to reserve for each number and each row of a response. */
const bytesPerNumber = 16;
const bytesPerRow = 64;

interface AnsweringModel {
  readonly contract: Contract;
  readonly metadata: Pick<ModelMetadata, 'sha256'>;
  /** Whether responses contain the model's digest. */
  readonly includesDigest: boolean;
}

/** Builds prediction responses from the outputs of a model. */
export class PredictionResponder {
  readonly #identity: Pick<PredictionResponse, 'model' | 'version' | 'sha256'>;
  readonly #postprocessor: Postprocessor;
  /** Whether an answer has all that the output has. */
  readonly #isValues: boolean;

  constructor({ contract, metadata, includesDigest }: AnsweringModel) {
    const { name: model, version, output } = contract;
    this.#identity = { model, version, ...(includesDigest && { sha256: metadata.sha256 }) };
    this.#postprocessor = new Postprocessor(output);
    this.#isValues = output.kind === 'values';
  }

  /** @throws {Problem} 422 `invalid_model_output`, 400 `no_scores`; 503 if the memory cannot be reserved */
  answer(output: OutputTensor, rows: number, hasScores = false, memory?: ResponseMemory): PredictionResponse {
    const numbers = hasScores || this.#isValues ? output.data.length : 0;
    if (numbers > maxNumbers)
      throw invalidModelOutput(`the output has more than ${maxNumbers} numbers; send fewer rows`);
    memory?.reserve(rows * bytesPerRow + numbers * bytesPerNumber);
    const predictions = this.#postprocessor.predictions(output, rows);
    if (!hasScores) return { ...this.#identity, predictions };
    return { ...this.#identity, predictions, ...this.#postprocessor.scores(output, rows) };
  }
}
