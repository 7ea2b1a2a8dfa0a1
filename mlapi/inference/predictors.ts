import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Config } from '../config/config.ts';
import { Problem } from '../http/problem.ts';
import type { InferenceObserver } from './observer.ts';
import type { EngineOptions } from './open-batcher.ts';
import { Predictor } from './predictor.ts';
import { prepareModel, type PreparedModel } from './prepared-model.ts';
import { ModelFolderError } from './types.ts';

const usualDefault = 'nsl-kdd-classifier';

type ModelsConfig = Pick<Config, 'modelsDir' | 'defaultModel' | 'maxRows' | 'workers' | 'predictTimeoutMs'>;

/** Every model that this service serves, by name; all of them loaded and warm. */
export class Predictors {
  readonly #byName: ReadonlyMap<string, Predictor>;
  readonly #defaultName: string | undefined;

  private constructor(byName: ReadonlyMap<string, Predictor>, defaultName: string | undefined) {
    this.#byName = byName;
    this.#defaultName = defaultName;
  }

  /** Loads every folder. @throws {ModelFolderError} on the first that cannot serve */
  static async load(config: ModelsConfig, observer?: InferenceObserver): Promise<Predictors> {
    const { modelsDir, defaultModel } = config;
    const options = { ...config, observer };
    const prepared = new Map<string, PreparedModel>();
    for (const folder of listFolders(modelsDir)) {
      const model = await prepareModel(folder, options);
      const { name } = model.contract;
      if (prepared.has(name)) throw new ModelFolderError(folder, `there is another model called "${name}"`);
      prepared.set(name, model);
    }
    if (prepared.size === 0) throw new ModelFolderError(modelsDir, 'there is no model folder in it');
    if (defaultModel !== undefined && !prepared.has(defaultModel)) {
      throw new ModelFolderError(modelsDir, `there is no model "${defaultModel}" (MLAPI_DEFAULT_MODEL)`);
    }
    const [only] = prepared.size === 1 ? prepared.keys() : [usualDefault];
    const name = defaultModel ?? only;
    const byName = await startAll([...prepared.values()], options);
    return new Predictors(byName, name !== undefined && byName.has(name) ? name : undefined);
  }

  /** In the order of their names. */
  list(): Predictor[] {
    return [...this.#byName.values()].sort((a, b) => (a.contract.name < b.contract.name ? -1 : 1));
  }

  /** @throws {Problem} 404 */
  get(name: string, version?: string): Predictor {
    const predictor = this.#byName.get(name);
    if (predictor === undefined || (version !== undefined && predictor.contract.version !== version)) {
      throw new Problem(404, 'model_not_found', 'There is no such model or version.');
    }
    return predictor;
  }

  get hasDefault(): boolean {
    return this.#defaultName !== undefined;
  }

  /** What `/api/ml` serves. @throws {Problem} 404 where several models leave it open */
  default(): Predictor {
    if (this.#defaultName === undefined) {
      throw new Problem(
        404,
        'no_default_model',
        'No default model is set (MLAPI_DEFAULT_MODEL); call a model by its name.',
      );
    }
    return this.get(this.#defaultName);
  }

  /** Bytes of memory by model, as far as they are known. */
  memory(): [model: string, bytes: number][] {
    return this.list().map((predictor) => {
      const bytes = predictor.sessions().memory.reduce((sum, { rssBytes }) => sum + rssBytes, 0);
      return [predictor.contract.name, bytes];
    });
  }

  /** Fails while one of the models cannot compute. */
  check(): Promise<void> {
    return new Promise((resolve) => {
      for (const predictor of this.#byName.values()) predictor.check();
      resolve();
    });
  }

  async release(): Promise<void> {
    await releaseAll([...this.#byName.values()]);
  }
}

/** Models in child processes start side by side. */
async function startAll(prepared: readonly PreparedModel[], options: EngineOptions): Promise<Map<string, Predictor>> {
  const results = await Promise.allSettled(prepared.map((model) => Predictor.start(model, options)));
  const started = results.filter((result) => result.status === 'fulfilled').map(({ value }) => value);
  const failed = results.find((result) => result.status === 'rejected');
  if (failed !== undefined) {
    await releaseAll(started);
    throw failed.reason;
  }
  return new Map(started.map((predictor) => [predictor.contract.name, predictor]));
}

async function releaseAll(predictors: readonly Predictor[]): Promise<void> {
  await Promise.all(predictors.map((predictor) => predictor.release()));
}

/** Every folder is a model, but hidden ones: they are still being copied. */
function listFolders(modelsDir: string): string[] {
  try {
    return readdirSync(modelsDir)
      .filter((name) => !name.startsWith('.'))
      .map((name) => join(modelsDir, name))
      .filter((path) => statSync(path).isDirectory())
      .sort();
  } catch (cause) {
    throw new ModelFolderError(modelsDir, 'the folder of models cannot be read', { cause });
  }
}
