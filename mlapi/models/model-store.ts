import { modelNotFound } from '../http/problem.ts';
import type { ForeignModels } from '../inference/foreign-models.ts';
import type { ModelPage, ModelSource, ModelSummary } from '../inference/model-source.ts';
import type { ModelInformation, Predictor } from '../inference/predictor.ts';
import type { Database } from '../persistence/database.ts';
import type { Logger } from '../telemetry/logger.ts';
import { findAlias, listAliases } from './alias-store.ts';
import type { Artifacts } from './artifacts.ts';
import type { LoadedModels } from './loaded-models.ts';
import { aliasNotFound } from './refusals.ts';
import { serving, type Alias, type VersionRecord } from './types.ts';
import {
  findModel,
  findNewest,
  findRecord,
  findServing,
  listAllRecords,
  listNames,
  listRecords,
  readForeignModel,
} from './version-store.ts';

interface ModelStoreOptions {
  readonly database: Database;
  readonly artifacts: Artifacts;
  readonly foreign: Pick<ForeignModels, 'information'>;
  readonly loaded: LoadedModels;
}

interface Known {
  readonly id: string;
  /** By `performance.now()`. */
  readonly untilMs: number;
}

/** Every process knows within a second what another one has changed. */
const knownForMs = 500;
const maxKnown = 10_000;
const sweepMs = 3_600_000;

/** The models that clients brought, as predictions find them: by name, and version or alias. */
export class ModelStore implements ModelSource {
  readonly #options: ModelStoreOptions;
  /** Which version a name stands for: looked up twice a second at most. */
  readonly #known = new Map<string, Known>();
  #timers: NodeJS.Timeout[] = [];

  constructor(options: ModelStoreOptions) {
    this.#options = options;
  }

  /** Lets go what others retire, from now on, and takes away what was left behind. */
  keepTidy(logger: Pick<Logger, 'error'>): void {
    const quietly = (work: () => Promise<void>) => () =>
      void work().catch((cause: unknown) => logger.error('the model store was not looked after', { cause }));
    const dropRetired = quietly(() => this.#dropRetired());
    const sweep = quietly(() => this.#sweep());
    this.#timers = [setInterval(dropRetired, knownForMs).unref(), setInterval(sweep, sweepMs).unref()];
    sweep();
  }

  find(name: string, version: string | undefined): Predictor | Promise<Predictor> {
    const known = this.#known.get(keyOf(name, version));
    if (known !== undefined && known.untilMs > performance.now()) {
      const predictor = this.#options.loaded.get(known.id);
      if (predictor !== undefined) return predictor;
    }
    return this.#find(name, version);
  }

  async information(name: string, version: string | undefined): Promise<ModelInformation> {
    const { id } = await this.resolve(name, version);
    return this.#options.foreign.information(await this.#read(id));
  }

  async list({ after, prefix, ownerId, limit }: ModelPage): Promise<ModelSummary[]> {
    const { database } = this.#options;
    const names = await listNames(database, { after, prefix, ownerId, limit });
    const records = await Promise.all(names.map((name) => this.resolve(name, undefined).catch(() => undefined)));
    return records
      .filter((record) => record !== undefined)
      .map(({ model, version, description, sha256 }) => ({ name: model, version, description, sha256 }));
  }

  /**
   * The version that a name stands for: the one that is named, or an alias points to; without either, the alias `default`, or the
   * newest. @throws {Problem} 404
   */
  async resolve(model: string, version: string | undefined): Promise<VersionRecord> {
    const { database } = this.#options;
    const alias = version === undefined ? 'default' : version.startsWith('@') ? version.slice(1) : undefined;
    const target = alias === undefined ? version : (await findAlias(database, { model, alias }))?.version;
    if (target === undefined && version !== undefined) throw modelNotFound();
    return serving(
      target === undefined ? await findNewest(database, model) : await findRecord(database, { model, version: target }),
    );
  }

  /** Of one model, also retired ones. @throws {Problem} 404 */
  async versions(model: string, page: { after: string; limit: number }): Promise<VersionRecord[]> {
    const { database } = this.#options;
    if ((await findModel(database, model)) === undefined) throw modelNotFound();
    return listRecords(database, { model, ...page });
  }

  /** All there is, also what is retired. */
  all(): Promise<VersionRecord[]> {
    return listAllRecords(this.#options.database);
  }

  /** @throws {Problem} 404 */
  async aliases(model: string): Promise<Alias[]> {
    const { database } = this.#options;
    if ((await findModel(database, model)) === undefined) throw modelNotFound();
    return listAliases(database, model);
  }

  /** @throws {Problem} 404 */
  async alias(wanted: Pick<Alias, 'model' | 'alias'>): Promise<Alias> {
    const found = await findAlias(this.#options.database, wanted);
    if (found === undefined) throw aliasNotFound();
    return found;
  }

  /** The ONNX file. */
  artifactOf({ id }: VersionRecord): string {
    return this.#options.artifacts.pathOf(id);
  }

  /** @throws {Problem} 404, 503 */
  async load(name: string, version: string | undefined): Promise<VersionRecord> {
    const record = await this.resolve(name, version);
    await this.#options.loaded.load(record.id, () => this.#read(record.id));
    return record;
  }

  /** In this process; whoever asks for it later loads it again. @throws {Problem} 404 */
  async unload(name: string, version: string | undefined): Promise<void> {
    const { id } = await this.resolve(name, version);
    await this.#options.loaded.unload(id);
  }

  loaded(): Predictor[] {
    return this.#options.loaded.predictors();
  }

  async release(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    await this.#options.loaded.release();
  }

  async #find(name: string, version: string | undefined): Promise<Predictor> {
    const { id } = await this.resolve(name, version);
    if (this.#known.size >= maxKnown) this.#known.clear();
    this.#known.set(keyOf(name, version), { id, untilMs: performance.now() + knownForMs });
    return this.#options.loaded.load(id, () => this.#read(id));
  }

  async #read(id: string) {
    const found = await readForeignModel(this.#options.database, id);
    if (found === undefined) throw modelNotFound();
    return found;
  }

  async #dropRetired(): Promise<void> {
    const { database, loaded } = this.#options;
    const ids = loaded.ids();
    if (ids.length === 0) return;
    const serving = await findServing(database, ids);
    await Promise.all(ids.filter((id) => !serving.has(id)).map((id) => loaded.unload(id)));
  }

  #sweep(): Promise<void> {
    const { artifacts, database } = this.#options;
    return artifacts.sweep(async (id) => (await findServing(database, [id])).has(id));
  }
}

/** No name has a slash in it. */
function keyOf(name: string, version = ''): string {
  return `${name}/${version}`;
}
