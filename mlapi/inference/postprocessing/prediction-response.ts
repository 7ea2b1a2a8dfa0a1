import type { ResponseMemory } from '../../http/response-memory.ts';
import type { Contract, Prediction } from '../contract/types.ts';
import { invalidModelOutput } from '../problems.ts';
import type { ModelMetadata, OutputTensor } from '../tensors/types.ts';
import { Postprocessor } from './postprocessor.ts';

/** The answer to a prediction: one prediction per row, in the order of the rows. */
export interface PredictionResponse {
  readonly model: string;
  readonly version: string;
  /** Digest of the model that answered, for models that another of the same name can replace. */
  readonly sha256?: string;
  readonly predictions: readonly Prediction[];
  readonly classes?: readonly (string | number)[];
  readonly scores?: readonly (readonly number[])[];
}

/** An answer's lists are made in one turn of the event loop. */
const maxNumbers = 1_000_000;
/** Bytes counted for each number of a response, and for each row: a list of its own, or a shared label. */
const bytesPerNumber = 16;
const bytesPerRow = 64;

interface AnsweringModel {
  readonly contract: Contract;
  readonly metadata: Pick<ModelMetadata, 'sha256'>;
  /** Whether a response says by its digest which file gave it. */
  readonly includesDigest: boolean;
}

/** Makes the answer of what a model computed. */
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

  /** @throws {Problem} 422; 503 before anything is made, where the memory for it is not to be had */
  answer(output: OutputTensor, rows: number, hasScores = false, memory?: ResponseMemory): PredictionResponse {
    const numbers = hasScores || this.#isValues ? output.data.length : 0;
    if (numbers > maxNumbers)
      throw invalidModelOutput(`its outputs have more than ${maxNumbers} numbers; send fewer rows`);
    memory?.reserve(rows * bytesPerRow + numbers * bytesPerNumber);
    const predictions = this.#postprocessor.predictions(output, rows);
    if (!hasScores) return { ...this.#identity, predictions };
    return { ...this.#identity, predictions, ...this.#postprocessor.scores(output, rows) };
  }
}
