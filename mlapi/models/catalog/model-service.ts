import { randomUUID } from 'node:crypto';
import type { StreamedBody } from '../../http/body/streamed-body.ts';
import { checkPreconditions, type Conditions } from '../../http/request/conditional.ts';
import type { ModelRegistry } from '../../inference/model-registry.ts';
import { modelNotFound } from '../../inference/named-model.ts';
import type { UntrustedModels } from '../../inference/untrusted/untrusted-models.ts';
import { isStorageFault } from '../../persistence/busy.ts';
import type { Database, Queries } from '../../persistence/database.ts';
import { recordAudit, type AuditEvent } from '../../telemetry/audit-trail.ts';
import {
  aliasNotFound,
  conflict,
  notTheOwner,
  overQuota,
  nameReserved,
  modelIsShipped,
  storageFull,
  versionExists,
  tooManyAliases,
} from '../problems.ts';
import type { ModelCache } from '../serving/model-cache.ts';
import {
  assertServing,
  tagOf,
  type Actor,
  type Alias,
  type AliasTarget,
  type ConfirmSession,
  type Share,
  type StoredVersion,
  type VersionRecord,
} from '../types.ts';
import { AdmissionControl } from '../upload/admission.ts';
import type { Artifacts } from '../upload/artifacts.ts';
import { discard, receiveUpload, type Upload } from '../upload/upload.ts';
import type { ModelStoreConfig } from '../variables.ts';
import { deleteAlias, findAlias, listAliases, setAlias } from './alias-store.ts';
import type { VersionResolver } from './resolver.ts';
import {
  findModel,
  findRecord,
  insertModel,
  insertVersion,
  lockModel,
  lockOwner,
  readUsage,
  retireVersion,
} from './version-store.ts';

interface ModelServiceOptions {
  readonly config: Pick<ModelStoreConfig, 'clientModels' | 'clientModelsBytes'>;
  readonly database: Database;
  readonly artifacts: Artifacts;
  readonly untrusted: Pick<UntrustedModels, 'inspect'>;
  readonly resolver: VersionResolver;
  readonly loaded: Pick<ModelCache, 'whileTried'>;
  /** The models of the folders. */
  readonly predictors: Pick<ModelRegistry, 'has'>;
  /** Confirms a client's session within a transaction. @throws {Problem} 401 */
  readonly confirm: ConfirmSession;
  readonly clock: () => number;
}

/** As in the contracts of model folders. */
const reservedNames = ['stats'];

interface VersionName {
  readonly model: string;
  readonly version: string;
}

/** Receives a model's files into a folder. */
type Receive = (folder: string) => Promise<Upload>;

/** Rules of the model store: uploads, ownership, aliases and retirement. Versions are immutable, and their names are never reused. */
export class ModelService {
  readonly #options: ModelServiceOptions;
  readonly #admission = new AdmissionControl();

  constructor(options: ModelServiceOptions) {
    this.#options = options;
  }

  /** Adds a model uploaded by a client. @throws {Problem} 400, 403, 409, 413, 422, 503, 507 */
  async upload(name: VersionName, body: StreamedBody, actor: Actor): Promise<VersionRecord> {
    try {
      // Check before anything is written.
      await this.#check(this.#options.database, name, actor);
      return await this.add(name, (folder) => receiveUpload(body, folder), actor);
    } catch (cause) {
      if (!body.hasBegun) await discard(body);
      throw cause;
    }
  }

  /** Adds a model: completely, or not at all. @throws {Problem} */
  add(name: VersionName, receive: Receive, actor: Actor): Promise<VersionRecord> {
    const id = randomUUID();
    const { artifacts } = this.#options;
    return this.#admission.admit(actor.clientId ?? '', async (inspecting) => {
      let isKept = false;
      try {
        const folder = await artifacts.begin(id);
        const upload = await receive(folder);
        const record = await inspecting(() => this.#inspect(id, { name, folder, upload, actor }));
        isKept = true;
        return record;
      } catch (cause) {
        // It is unknown whether the version was committed; the sweep of abandoned files decides.
        isKept = isStorageFault(cause);
        throw storageFull(cause);
      } finally {
        if (!isKept) await artifacts.remove(id);
      }
    });
  }

  /** Retires a version: it no longer serves, and its name stays taken. @throws {Problem} 403, 404, 409 */
  async retire({ model, version }: VersionName, actor: Actor): Promise<void> {
    const { artifacts } = this.#options;
    const id = await this.#transaction(actor, async (queries) => {
      const record = assertServing(await findRecord(queries, { model, version }));
      await this.#checkOwner(queries, model, actor);
      const aliases = (await listAliases(queries, model)).filter((alias) => versionsOf(alias).includes(version));
      if (aliases.length > 0)
        throw conflict(`The alias ${aliases[0]!.alias} points to this version. Move or remove the alias first.`);
      if (!(await retireVersion(queries, record.id, this.#options.clock()))) throw modelNotFound();
      await this.#record(queries, 'model_retired', actor, `${model} ${version}`);
      return record.id;
    });
    this.#options.resolver.forget(model);
    await artifacts.remove(id);
  }

  /**
   * Creates or changes an alias.
   * @param conditions `If-Match` and `If-None-Match` of the request
   * @throws {Problem} 403, 404, 412
   */
  async setAlias(
    { model, alias, ...target }: Pick<Alias, 'model' | 'alias'> & AliasTarget,
    conditions: Conditions,
    actor: Actor,
  ): Promise<Alias> {
    const set = await this.#transaction(actor, async (queries) => {
      await this.#checkOwner(queries, model, actor);
      for (const version of versionsOf(target)) assertServing(await findRecord(queries, { model, version }));
      const current = await findAlias(queries, { model, alias });
      checkPreconditions(conditions, current && tagOf(current));
      if (current !== undefined && describeTarget(current) === describeTarget(target)) return current;
      if (current === undefined && (await listAliases(queries, model)).length >= maxAliases)
        throw tooManyAliases(maxAliases);
      const revision = (current?.revision ?? 0) + 1;
      const moved = { model, alias, ...target, revision, updatedAt: this.#options.clock() };
      await setAlias(queries, moved);
      await this.#record(queries, 'model_alias_set', actor, `${model} @${alias} ${describeTarget(target)}`);
      return moved;
    });
    this.#options.resolver.forget(model);
    return set;
  }

  /** @throws {Problem} 403, 404, 412 */
  async removeAlias(
    { model, alias }: Pick<Alias, 'model' | 'alias'>,
    conditions: Conditions,
    actor: Actor,
  ): Promise<void> {
    await this.#transaction(actor, async (queries) => {
      await this.#checkOwner(queries, model, actor);
      const current = await findAlias(queries, { model, alias });
      if (current === undefined) throw aliasNotFound();
      checkPreconditions(conditions, tagOf(current));
      await deleteAlias(queries, { model, alias });
      await this.#record(queries, 'model_alias_removed', actor, `${model} @${alias}`);
    });
    this.#options.resolver.forget(model);
  }

  /** @throws {Problem} 403, 404 */
  checkOwner(model: string, actor: Actor): Promise<void> {
    return this.#checkOwner(this.#options.database, model, actor);
  }

  async #inspect(
    id: string,
    { name, folder, upload, actor }: { name: VersionName; folder: string; upload: Upload; actor: Actor },
  ): Promise<VersionRecord> {
    const { artifacts, untrusted, clock, loaded } = this.#options;
    const { model, version } = name;
    const { contract, metadata } = await loaded.whileTried(actor.clientId ?? '', `${model} ${version}`, (group) =>
      untrusted.inspect(folder, upload.files, { name: model, version }, group),
    );
    const sizeBytes = upload.files.reduce((sum, file) => sum + file.sizeBytes, 0);
    const record: StoredVersion = {
      ...{ id, model, version, contract, metadata },
      ...{ sha256: metadata.sha256, sizeBytes },
      ownerId: actor.clientId ?? null,
      description: contract.description,
      createdAt: clock(),
      retiredAt: null,
    };
    await artifacts.keep(id);
    await this.#transaction(actor, async (queries) => {
      if (record.ownerId !== null) await lockOwner(queries, record.ownerId);
      await this.#check(queries, name, actor, sizeBytes);
      await insertModel(queries, { name: model, ownerId: record.ownerId }, record.createdAt);
      // Another upload may have been faster: the first one owns the name.
      await this.#checkOwner(queries, model, actor);
      if (!(await insertVersion(queries, record))) throw versionExists();
      await this.#record(queries, 'model_added', actor, `${model} ${version} ${record.sha256}`);
    });
    this.#options.resolver.forget(model);
    return record;
  }

  /** Runs a change in a transaction, after confirming the caller's session. @throws {Problem} 401 */
  #transaction<T>(actor: Actor, change: (queries: Queries) => Promise<T>): Promise<T> {
    return this.#options.database.transaction().execute(async (queries) => {
      const { clientId, familyId = '' } = actor;
      if (clientId !== undefined) await this.#options.confirm(queries, { clientId, familyId });
      return change(queries);
    });
  }

  /** Checks name, ownership and quota. @param bytes size of the model, if known. @throws {Problem} 403, 409 */
  async #check(queries: Queries, { model, version }: VersionName, actor: Actor, bytes = 0): Promise<void> {
    const { config, predictors } = this.#options;
    if (reservedNames.includes(model)) throw nameReserved(model);
    if (predictors.has(model)) throw modelIsShipped();
    if ((await findRecord(queries, { model, version })) !== undefined) throw versionExists();
    if ((await findModel(queries, model)) !== undefined) await this.#checkOwner(queries, model, actor);
    if (actor.clientId === undefined) return;
    const usage = await readUsage(queries, actor.clientId);
    if (usage.versions >= config.clientModels) throw overQuota(`${config.clientModels} versions`);
    if (usage.bytes + bytes > config.clientModelsBytes) throw overQuota(`${config.clientModelsBytes} bytes`);
  }

  /** @throws {Problem} 403, 404 */
  async #checkOwner(queries: Queries, model: string, { clientId, isAdministrator }: Actor): Promise<void> {
    const found = await lockModel(queries, model);
    if (found === undefined) throw modelNotFound();
    if (!isAdministrator && found.ownerId !== clientId) throw notTheOwner();
  }

  #record(queries: Queries, event: AuditEvent, actor: Actor, detail: string): Promise<void> {
    const { clientId, familyId, address, requestId } = actor;
    return recordAudit(queries, this.#options.clock(), event, {
      ...(clientId !== undefined && { clientId }),
      ...(familyId !== undefined && { familyId }),
      address,
      requestId,
      detail,
    });
  }
}

const maxAliases = 100;

function versionsOf({ version, canary, shadow }: AliasTarget): string[] {
  return [version, canary, shadow].flatMap((each) => (typeof each === 'object' ? (each?.version ?? []) : each));
}

function describeTarget({ version, canary, shadow }: AliasTarget): string {
  const describe = (what: string, share: Share | null) =>
    share === null ? '' : `, ${what} ${share.version} ${share.share}`;
  return `${version}${describe('canary', canary)}${describe('shadow', shadow)}`;
}
