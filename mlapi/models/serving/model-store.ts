import type { NameRange } from '../../http/name-ranges.ts';
import type { Contract } from '../../inference/contract/types.ts';
import type { KnownVersion, ModelPage, ModelSource, ModelSummary, Serving } from '../../inference/model-source.ts';
import { modelNotFound } from '../../inference/named-model.ts';
import type { ModelInformation } from '../../inference/serving/model-information.ts';
import type { Predictor } from '../../inference/serving/predictor.ts';
import type { ModelFile } from '../../inference/tensors/types.ts';
import type { UntrustedModels } from '../../inference/untrusted/untrusted-models.ts';
import { Schedule } from '../../maintenance/schedule.ts';
import type { Database } from '../../persistence/database.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { findAlias, listAliases } from '../catalog/alias-store.ts';
import { isCanaryClient, type Target, type VersionResolver } from '../catalog/resolver.ts';
import { listServing, listSummaries } from '../catalog/version-lists.ts';
import {
  findModel,
  findRecord,
  findServing,
  listAllRecords,
  listRecords,
  readForeignModel,
} from '../catalog/version-store.ts';
import { aliasNotFound } from '../problems.ts';
import { ServedModel } from '../traffic/served-model.ts';
import type { Traffic } from '../traffic/traffic.ts';
import type { Alias, VersionRecord } from '../types.ts';
import type { Artifacts } from '../upload/artifacts.ts';
import type { ModelCache } from './model-cache.ts';

interface ModelStoreOptions {
  readonly database: Database;
  readonly artifacts: Artifacts;
  readonly untrusted: Pick<UntrustedModels, 'information'>;
  readonly loaded: ModelCache;
  readonly resolver: VersionResolver;
  readonly traffic: Traffic;
}

const dropRetiredMs = 500;
const writeTrafficMs = 5_000;
const sweepMs = 3_600_000;

/** The uploaded models as predictions see them: by name, and version or alias. */
export class ModelStore implements ModelSource {
  readonly #options: ModelStoreOptions;
  /** The models of the folders, decorated. */
  readonly #ofFolders = new Map<Predictor, Serving>();
  #schedules: readonly Schedule[] = [];

  constructor(options: ModelStoreOptions) {
    this.#options = options;
  }

  /** Starts three background jobs: unload retired versions (every 0.5 s), flush traffic counts (5 s), delete abandoned uploads (1 h). */
  startMaintenance(logger: Pick<Logger, 'error'>): void {
    const failure = 'maintenance of the model store failed';
    const every = (everyMs: number, job: () => Promise<void>) => new Schedule(job, { everyMs, logger, failure });
    const sweeps = every(sweepMs, () => this.#sweep());
    this.#schedules = [
      every(dropRetiredMs, () => this.#dropRetired()),
      every(writeTrafficMs, () => this.#options.traffic.write()),
      sweeps,
    ];
    void sweeps.run();
  }

  serve(name: string, version: string | undefined, client: string): Serving | Promise<Serving> {
    const known = this.#options.resolver.known(name, version);
    const split = known === undefined ? undefined : splitTraffic(known, client);
    const served = split === undefined ? undefined : this.#options.loaded.get(split.id);
    if (split !== undefined && served !== undefined) return this.#choose(served, split);
    return this.#serve(name, version, client);
  }

  watch(predictor: Predictor): Serving {
    const known = this.#ofFolders.get(predictor);
    if (known !== undefined) return known;
    const serving = new ServedModel(predictor, this.#options.traffic).primary;
    this.#ofFolders.set(predictor, serving);
    return serving;
  }

  async information(name: string, version: string | undefined): Promise<ModelInformation> {
    const { id } = await this.resolve(name, version);
    return this.#options.untrusted.information(await this.#read(id));
  }

  list(page: ModelPage): Promise<ModelSummary[]> {
    return listSummaries(this.#options.database, page);
  }

  async index(
    range: NameRange,
    after: { name: string; version: string } | undefined,
    limit: number,
  ): Promise<KnownVersion[]> {
    const { database, loaded } = this.#options;
    const inMemory = new Map(loaded.entries());
    const found = await listServing(database, range, after, limit);
    return found.map(({ id, name, version }) => ({ name, version, predictor: inMemory.get(id) }));
  }

  /** Resolves a version or alias; without either, the alias `default`, otherwise the newest version. @throws {Problem} 404 */
  resolve(model: string, version: string | undefined): Promise<VersionRecord> {
    return this.#options.resolver.find(model, version);
  }

  /** Lists the versions of a model, including retired ones. @throws {Problem} 404 */
  async versions(model: string, page: { after: string; limit: number }): Promise<VersionRecord[]> {
    await this.checkModel(model);
    return listRecords(this.#options.database, { model, ...page });
  }

  /** All versions, including retired ones. */
  all(): Promise<VersionRecord[]> {
    return listAllRecords(this.#options.database);
  }

  /** @throws {Problem} 404 */
  async aliases(model: string): Promise<Alias[]> {
    await this.checkModel(model);
    return listAliases(this.#options.database, model);
  }

  /** @throws {Problem} 404 */
  async alias(wanted: Pick<Alias, 'model' | 'alias'>): Promise<Alias> {
    const found = await findAlias(this.#options.database, wanted);
    if (found === undefined) throw aliasNotFound();
    return found;
  }

  /** @throws {Problem} 404 */
  async checkModel(model: string): Promise<void> {
    if ((await findModel(this.#options.database, model)) === undefined) throw modelNotFound();
  }

  /** Returns the contract of a version, or undefined if it does not serve. */
  async contract(model: string, version: string): Promise<Contract | undefined> {
    const record = await findRecord(this.#options.database, { model, version });
    return record?.retiredAt === null ? (await this.#read(record.id)).contract : undefined;
  }

  /** Returns a file of a version and its path; undefined if there is none of this name. */
  async artifactOf(
    { id, sha256, sizeBytes }: VersionRecord,
    name: string,
  ): Promise<(ModelFile & { path: string }) | undefined> {
    const { files } = (await this.#read(id)).metadata;
    // Without external data, the digest and size of the version are those of its only file.
    const all = files ?? (sizeBytes === 0 ? [] : [{ name: 'model.onnx', sha256, sizeBytes }]);
    const found = all.find((file) => file.name === name);
    return found && { ...found, path: this.#options.artifacts.fileOf(id, name) };
  }

  /** @throws {Problem} 404, 503 */
  async load(name: string, version: string | undefined): Promise<VersionRecord> {
    const record = await this.resolve(name, version);
    await this.#load(record.id);
    return record;
  }

  /** Unloads a version in this process; the next use loads it again. @throws {Problem} 404 */
  async unload(name: string, version: string | undefined): Promise<void> {
    const { id } = await this.resolve(name, version);
    await this.#options.loaded.unload(id);
  }

  loaded(): Predictor[] {
    return this.#options.loaded.predictors();
  }

  async release(): Promise<void> {
    await Promise.all(this.#schedules.map((schedule) => schedule.stop()));
    await this.#options.loaded.release();
    await this.#options.traffic.write().catch(() => undefined);
  }

  async #serve(name: string, version: string | undefined, client: string): Promise<Serving> {
    const split = splitTraffic(await this.#options.resolver.find(name, version), client);
    return this.#choose(await this.#load(split.id), split);
  }

  #choose(served: ServedModel, { role, shadow }: TrafficSplit): Serving {
    return shadow === undefined ? served[role] : served.shadowedBy(shadow, role, this.#find);
  }

  /** @throws {Problem} 404, 503 */
  #load(id: string): Promise<ServedModel> {
    return this.#options.loaded.load(id, () => this.#read(id));
  }

  readonly #find = (id: string): Promise<ServedModel> => this.#load(id);

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

interface TrafficSplit extends Pick<Target, 'id' | 'shadow'> {
  readonly role: 'primary' | 'canary';
}

function splitTraffic(target: Target, client: string): TrafficSplit {
  const { id, canary, shadow } = target;
  if (canary === undefined || !isCanaryClient(target, client)) return { id, role: 'primary', shadow };
  return { id: canary.id, role: 'canary', shadow };
}
