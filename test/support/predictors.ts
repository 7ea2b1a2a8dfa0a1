import { join } from 'node:path';
import { Predictor } from '../../mlapi/inference/serving/predictor.ts';
import type { ObservedModel, ObservedRun } from '../../mlapi/inference/observer.ts';
import type { EngineOptions } from '../../mlapi/inference/serving/open-batcher.ts';
import { writeModelFolders, type ModelFolder } from './model-folders.ts';

/** A predictor without a service, and what its observer recorded. */
export interface WatchedPredictor {
  readonly predictor: Predictor;
  readonly runs: ObservedRun[];
  readonly shed: ObservedModel[];
  /** Predicts some rows. */
  predict(rows: unknown, client?: string): Promise<unknown>;
}

/** Loads the folder as the model `m`, and discards what the warm-up recorded. */
export async function loadPredictor(
  folder: ModelFolder,
  options: Partial<EngineOptions> = {},
): Promise<WatchedPredictor> {
  const runs: ObservedRun[] = [];
  const shed: ObservedModel[] = [];
  const observer = { ran: (run: ObservedRun) => runs.push(run), shed: (model: ObservedModel) => shed.push(model) };
  const predictor = await Predictor.load(join(writeModelFolders({ m: folder }), 'm'), {
    maxRows: 100_000,
    processes: 1,
    predictTimeoutMs: 10_000,
    ...options,
    observer,
  });
  runs.length = 0;
  return {
    predictor,
    runs,
    shed,
    predict: async (rows, client) =>
      (await predictor.predict(rows, client === undefined ? {} : { client })).predictions,
  };
}
