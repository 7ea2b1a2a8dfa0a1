import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { CoreConfig } from '../config/core-config.ts';
import { yieldToEventLoop } from '../http/event-loop.ts';
import { isWithin, type NameRange } from '../http/name-ranges.ts';
import { Problem } from '../http/problem.ts';
import { ModelFolderError } from './contract/types.ts';
import type { KnownVersion, ModelPage, ModelSource, ModelSummary, Serving } from './model-source.ts';
import { modelNotFound } from './named-model.ts';
import type { InferenceObserver } from './observer.ts';
import { PendingModels } from './pending-models.ts';
import type { EngineConfig, EngineOptions } from './serving/open-batcher.ts';
import type { ModelInformation } from './serving/model-information.ts';
import { Predictor } from './serving/predictor.ts';
import { prepareModel, readRemoteContract, type PreparedModel } from './serving/prepare-model.ts';

const usualDefault = 'nsl-kdd-classifier';
const versionsAtOnce = 500;

type ModelMemory = [model: string, bytes: number];

interface ModelVerdicts {
  readonly model: string;
  readonly verdict: string;
  readonly models: number;
}

type ModelsConfig = Pick<CoreConfig, 'modelsDir' | 'defaultModel'> & EngineConfig;

/**
 * Registry of every model that the service serves, by name: the models of the folders, loaded and warmed up. Those of a `ModelSource` join
 * them if one is attached.
 * @example
 * const models = await ModelRegistry.load(config, observer);
 * const serving = await models.serve('churn', undefined, clientId);
 * const { predictions } = await serving.predict([[1, 2, 3]], { client: clientId });
 */
export class ModelRegistry {
  readonly #byName: Map<string, Predictor>;
  readonly #pending = new PendingModels((predictor) => this.#add(predictor));
  readonly #defaultName: string | undefined;
  #modelSource: ModelSource | undefined;

  private constructor(byName: Map<string, Predictor>, defaultName: string | undefined) {
    this.#byName = byName;
    this.#defaultName = defaultName;
  }

  /**
   * Loads every folder in `config.modelsDir`. Models whose remote server is unreachable are retried in the background.
   * @throws {ModelFolderError} for the first folder that cannot be served
   */
  static async load(config: ModelsConfig, observer?: InferenceObserver): Promise<ModelRegistry> {
    const { modelsDir, defaultModel } = config;
    const options = { ...config, observer };
    const folders = new Map<string, string>();
    const prepared: PreparedModel[] = [];
    const remote: string[] = [];
    for (const folder of listFolders(modelsDir)) {
      const contract = readRemoteContract(folder);
      if (contract === undefined) prepared.push(await prepareModel(folder, options));
      const { name } = contract ?? prepared.at(-1)!.contract;
      if (contract !== undefined) remote.push(name);
      if (folders.has(name)) throw new ModelFolderError(folder, `another folder has a model called "${name}"`);
      folders.set(name, folder);
    }
    if (folders.size === 0) throw new ModelFolderError(modelsDir, 'contains no model folder');
    if (defaultModel !== undefined && !folders.has(defaultModel)) {
      throw new ModelFolderError(modelsDir, `contains no model "${defaultModel}" (MLAPI_DEFAULT_MODEL)`);
    }
    const [only] = folders.size === 1 ? folders.keys() : [usualDefault];
    const name = defaultModel ?? only;
    const byName = await startAll(prepared, options);
    const predictors = new ModelRegistry(byName, name !== undefined && folders.has(name) ? name : undefined);
    await predictors.#startRemote(remote, (model) => Predictor.load(folders.get(model)!, options), modelsDir);
    return predictors;
  }

  /** The models of the folders, sorted by name. */
  list(): Predictor[] {
    return [...this.#byName.values()].sort((a, b) => (a.contract.name < b.contract.name ? -1 : 1));
  }

  /** All models in memory. */
  loaded(): Predictor[] {
    return [...this.list(), ...(this.#modelSource?.loaded() ?? [])];
  }

  /** Every version whose name lies in these ranges, those of the folders first. */
  versions(ranges: readonly NameRange[]): Iterable<KnownVersion> | AsyncIterable<KnownVersion> {
    const ofFolders = this.list()
      .filter(({ contract }) => isWithin(ranges, contract.name))
      .map((predictor) => ({ ...predictor.contract, predictor }));
    if (this.#modelSource !== undefined) return withModelSource(ofFolders, this.#modelSource, ranges);
    return ofFolders;
  }

  /** Adds a source of models, served beside those of the folders. */
  attachModelSource(source: ModelSource): void {
    this.#modelSource = source;
  }

  /** Whether a folder has a model of this name. */
  has(name: string): boolean {
    return this.#byName.has(name) || this.#pending.has(name);
  }

  /** Returns a model of the folders. @throws {Problem} 404, or 503 if its server is unreachable */
  get(name: string, version?: string): Predictor {
    const predictor = this.#byName.get(name);
    if (predictor === undefined) this.#pending.refuse(name);
    if (predictor === undefined || (version !== undefined && predictor.contract.version !== version))
      throw modelNotFound();
    return predictor;
  }

  /** Returns what serves a client's predictions; synchronously for models of the folders. @throws {Problem} 404, 503 */
  serve(name: string, version: string | undefined, client: string): Serving | Promise<Serving> {
    if (this.#modelSource !== undefined && !this.has(name)) return this.#modelSource.serve(name, version, client);
    const predictor = this.get(name, version);
    return this.#modelSource?.watch(predictor) ?? predictor;
  }

  /** Returns what serves predictions of the default model. @throws {Problem} 404 `no_default_model` */
  serveDefault(): Serving {
    const predictor = this.default();
    return this.#modelSource?.watch(predictor) ?? predictor;
  }

  /** @throws {Problem} 404 */
  information(name: string, version?: string): ModelInformation | Promise<ModelInformation> {
    if (this.#modelSource !== undefined && !this.has(name)) return this.#modelSource.information(name, version);
    return this.get(name, version).information();
  }

  /** One page of models, sorted by name. */
  page(page: ModelPage): ModelSummary[] | Promise<ModelSummary[]> {
    const { ranges, ownerId, limit } = page;
    const own = ownerId === undefined ? this.list().filter(({ contract }) => isWithin(ranges, contract.name)) : [];
    const summaries = own
      .slice(0, limit)
      .map((predictor) => predictor.information())
      .map(({ name, version, description, sha256 }) => ({ name, version, description, sha256 }));
    if (this.#modelSource !== undefined)
      return this.#modelSource.list(page).then((others) => merge(summaries, others, limit));
    return summaries;
  }

  get hasDefault(): boolean {
    return this.#defaultName !== undefined;
  }

  /** The model shown in the documentation: the default model, or the first. */
  get shown(): Predictor {
    return this.#byName.get(this.#defaultName ?? '') ?? this.list()[0]!;
  }

  /** Returns the model of `/api/ml`: the configured one, the only one, or `nsl-kdd-classifier`. @throws {Problem} 404 `no_default_model` */
  default(): Predictor {
    if (this.#defaultName === undefined) {
      throw new Problem(
        404,
        'no_default_model',
        'No default model is set (MLAPI_DEFAULT_MODEL); use /api/models/{name}/predict.',
      );
    }
    return this.get(this.#defaultName);
  }

  /** Memory in bytes by model, as far as it is known. */
  memory(): ModelMemory[] {
    return [
      ...this.list().map(({ contract, memoryBytes }): ModelMemory => [contract.name, memoryBytes]),
      ...memoryOfUploaded(this.#modelSource),
    ];
  }

  /** Number of models in memory, by name and row-wise verdict. */
  verdicts(): ModelVerdicts[] {
    return [
      ...this.list().map(({ contract, verdict }) => ({ model: contract.name, verdict: verdict.rowWise, models: 1 })),
      ...verdictsOnUploaded(this.#modelSource),
    ];
  }

  /** Rejects while one of the models cannot compute. */
  check(): Promise<void> {
    return new Promise((resolve) => {
      for (const predictor of this.#byName.values()) predictor.check();
      this.#pending.check();
      resolve();
    });
  }

  async release(): Promise<void> {
    await this.#pending.release();
    await releaseAll([...this.#byName.values()]);
    await this.#modelSource?.release();
  }

  #add(predictor: Predictor): void {
    this.#byName.set(predictor.contract.name, predictor);
  }

  /** Starts remote models. Those with an unreachable server are retried later, unless there is no other model: then the start fails. */
  async #startRemote(
    names: readonly string[],
    load: (name: string) => Promise<Predictor>,
    modelsDir: string,
  ): Promise<void> {
    const results = await Promise.allSettled(names.map((name) => this.#pending.add(name, () => load(name))));
    const failed = results.find((result) => result.status === 'rejected');
    if (failed === undefined && this.#byName.size > 0) return;
    await this.release();
    throw failed?.reason ?? new ModelFolderError(modelsDir, 'no server of its remote models is reachable');
  }
}

/** Adds the versions of a source, fetched in pages of 500. */
async function* withModelSource(
  first: readonly KnownVersion[],
  source: ModelSource,
  ranges: readonly NameRange[],
): AsyncGenerator<KnownVersion> {
  yield* first;
  for (const range of ranges) {
    for (let last: KnownVersion | undefined; ;) {
      const next = await source.index(range, last, versionsAtOnce);
      yield* next;
      if (next.length < versionsAtOnce) break;
      last = next.at(-1);
      await yieldToEventLoop();
    }
  }
}

function merge(some: readonly ModelSummary[], others: readonly ModelSummary[], limit: number): ModelSummary[] {
  return [...some, ...others].sort((a, b) => (a.name < b.name ? -1 : 1)).slice(0, limit);
}

/** One label for all uploaded models: client-chosen names must not become metric labels. */
const uploadedLabel = 'uploaded';

function memoryOfUploaded(source: ModelSource | undefined): ModelMemory[] {
  const models = source?.loaded() ?? [];
  if (models.length === 0) return [];
  return [[uploadedLabel, models.reduce((sum, { memoryBytes }) => sum + memoryBytes, 0)]];
}

function verdictsOnUploaded(source: ModelSource | undefined): ModelVerdicts[] {
  const count = new Map<string, number>();
  for (const { verdict } of source?.loaded() ?? []) count.set(verdict.rowWise, (count.get(verdict.rowWise) ?? 0) + 1);
  return [...count].map(([verdict, models]) => ({ model: uploadedLabel, verdict, models }));
}

/** Starts models in parallel, since those in child processes take time to start. */
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

/** Every folder is a model. Hidden folders are skipped: they are still being copied. */
export function listFolders(modelsDir: string): string[] {
  try {
    return readdirSync(modelsDir)
      .filter((name) => !name.startsWith('.'))
      .map((name) => join(modelsDir, name))
      .filter((path) => statSync(path).isDirectory())
      .sort();
  } catch (cause) {
    throw new ModelFolderError(modelsDir, 'the model folder cannot be read', { cause });
  }
}
