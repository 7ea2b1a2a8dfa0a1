import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Config } from '../config/config.ts';
import { Problem } from '../http/problem.ts';
import { Predictor } from './predictor.ts';
import { ModelFolderError } from './types.ts';

const usualDefault = 'nsl-kdd-classifier';

type ModelsConfig = Pick<Config, 'modelsDir' | 'defaultModel' | 'maxRows'>;

/** Every model that this service serves, by name; all of them loaded and warm. */
export class Predictors {
  readonly #byName: ReadonlyMap<string, Predictor>;
  readonly #defaultName: string | undefined;

  private constructor(byName: ReadonlyMap<string, Predictor>, defaultName: string | undefined) {
    this.#byName = byName;
    this.#defaultName = defaultName;
  }

  /** Loads every folder. @throws {ModelFolderError} on the first that cannot serve */
  static async load({ modelsDir, defaultModel, maxRows }: ModelsConfig): Promise<Predictors> {
    const byName = new Map<string, Predictor>();
    for (const folder of listFolders(modelsDir)) {
      const predictor = await Predictor.load(folder, maxRows);
      const { name } = predictor.contract;
      if (byName.has(name)) throw new ModelFolderError(folder, `there is another model called "${name}"`);
      byName.set(name, predictor);
    }
    if (byName.size === 0) throw new ModelFolderError(modelsDir, 'there is no model folder in it');
    if (defaultModel !== undefined && !byName.has(defaultModel)) {
      throw new ModelFolderError(modelsDir, `there is no model "${defaultModel}" (MLAPI_DEFAULT_MODEL)`);
    }
    const [only] = byName.size === 1 ? byName.keys() : [usualDefault];
    const name = defaultModel ?? only;
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

  async release(): Promise<void> {
    for (const predictor of this.#byName.values()) await predictor.release();
  }
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
