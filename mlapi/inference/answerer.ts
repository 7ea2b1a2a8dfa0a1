import type { KnownModel } from './open-batcher.ts';
import { Postprocessor } from './postprocessor.ts';
import type { OutputTensor, Prediction } from './types.ts';

/** The answer to a prediction: one prediction per row, in the order of the rows. */
export interface PredictionAnswer {
  readonly model: string;
  readonly version: string;
  /** Of a model that can be replaced by another of its name: which one answered. */
  readonly sha256?: string;
  readonly predictions: readonly Prediction[];
  readonly classes?: readonly (string | number)[];
  readonly scores?: readonly (readonly number[])[];
}

/** Makes the answer of what a model computed. */
export class Answerer {
  readonly #identity: Pick<PredictionAnswer, 'model' | 'version' | 'sha256'>;
  readonly #postprocessor: Postprocessor;

  /** @param saysDigest whether answers say by its digest which file gave them */
  constructor({ contract, facts, saysDigest }: Pick<KnownModel, 'contract' | 'facts'> & { saysDigest: boolean }) {
    const { name: model, version, output } = contract;
    this.#identity = { model, version, ...(saysDigest && { sha256: facts.sha256 }) };
    this.#postprocessor = new Postprocessor(output);
  }

  answer(output: OutputTensor, rows: number, hasScores = false): PredictionAnswer {
    const predictions = this.#postprocessor.predictions(output, rows);
    if (!hasScores) return { ...this.#identity, predictions };
    return { ...this.#identity, predictions, ...this.#postprocessor.scores(output, rows) };
  }
}
