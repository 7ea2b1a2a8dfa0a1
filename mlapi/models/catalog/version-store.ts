import type { UntrustedModel } from '../../inference/untrusted/untrusted-models.ts';
import type { Queries } from '../../persistence/database.ts';
import type { OwnedModel } from '../serving/model-cache.ts';
import type { StoredVersion, VersionRecord } from '../types.ts';
import type { ModelVersionRow } from './tables.ts';

const recordColumns = [
  ...(['id', 'model', 'version', 'owner_id', 'sha256', 'size_bytes'] as const),
  ...(['description', 'created_at', 'retired_at'] as const),
] as const;

type RecordRow = Pick<ModelVersionRow, (typeof recordColumns)[number]>;

/** Number and size of a client's versions in the store. */
export interface Usage {
  readonly versions: number;
  readonly bytes: number;
}

export interface ModelOwner {
  readonly name: string;
  readonly ownerId: string | null;
}

export async function findModel(queries: Queries, name: string): Promise<ModelOwner | undefined> {
  const row = await queries.selectFrom('models').selectAll().where('name', '=', name).executeTakeFirst();
  return row === undefined ? undefined : { name: row.name, ownerId: row.owner_id };
}

/** Like `findModel`, with a row lock for a transaction that changes the model. */
export async function lockModel(queries: Queries, name: string): Promise<ModelOwner | undefined> {
  const query = queries.selectFrom('models').selectAll().where('name', '=', name).forUpdate();
  const row = await query.executeTakeFirst();
  return row === undefined ? undefined : { name: row.name, ownerId: row.owner_id };
}

/** Locks a client's row: counting its versions and adding one must not interleave with another upload. */
export async function lockOwner(queries: Queries, ownerId: string): Promise<void> {
  await queries.selectFrom('clients').select('id').where('id', '=', ownerId).forUpdate().execute();
}

/** @returns false if the name is taken */
export async function insertModel(queries: Queries, { name, ownerId }: ModelOwner, at: number): Promise<boolean> {
  const { numInsertedOrUpdatedRows } = await queries
    .insertInto('models')
    .values({ name, owner_id: ownerId, created_at: at })
    .onConflict((conflict) => conflict.column('name').doNothing())
    .executeTakeFirst();
  return numInsertedOrUpdatedRows === 1n;
}

/** Call it with the model locked. @returns false if the model has, or had, a version of this name */
export async function insertVersion(queries: Queries, version: StoredVersion): Promise<boolean> {
  const { numInsertedOrUpdatedRows } = await queries
    .insertInto('model_versions')
    .values({
      id: version.id,
      model: version.model,
      version: version.version,
      ordinal: await nextOrdinal(queries, version.model),
      owner_id: version.ownerId,
      sha256: version.sha256,
      size_bytes: version.sizeBytes,
      description: version.description,
      contract: JSON.stringify(version.contract),
      facts: JSON.stringify(version.metadata),
      created_at: version.createdAt,
      retired_at: null,
    })
    .onConflict((conflict) => conflict.columns(['model', 'version']).doNothing())
    .executeTakeFirst();
  return numInsertedOrUpdatedRows === 1n;
}

/** Finds a version, even a retired one. */
export async function findRecord(
  queries: Queries,
  { model, version }: { model: string; version: string },
): Promise<VersionRecord | undefined> {
  const row = await queries
    .selectFrom('model_versions')
    .select(recordColumns)
    .where('model', '=', model)
    .where('version', '=', version)
    .executeTakeFirst();
  return row === undefined ? undefined : toRecord(row);
}

/** Finds the newest serving version. */
export async function findNewest(queries: Queries, model: string): Promise<VersionRecord | undefined> {
  const row = await queries
    .selectFrom('model_versions')
    .select(recordColumns)
    .where('model', '=', model)
    .where('retired_at', 'is', null)
    .orderBy('ordinal', 'desc')
    .limit(1)
    .executeTakeFirst();
  return row === undefined ? undefined : toRecord(row);
}

/** Reads what is needed to serve a version; undefined if it was retired since its id was read. */
export async function readForeignModel(queries: Queries, id: string): Promise<OwnedModel | undefined> {
  const row = await queries
    .selectFrom('model_versions')
    .select(['contract', 'facts', 'owner_id'])
    .where('id', '=', id)
    .where('retired_at', 'is', null)
    .executeTakeFirst();
  if (row === undefined) return undefined;
  return {
    contract: JSON.parse(row.contract) as UntrustedModel['contract'],
    metadata: JSON.parse(row.facts) as UntrustedModel['metadata'],
    owner: row.owner_id ?? '',
  };
}

/** Lists the versions of a model after `after`, by name, including retired ones. */
export async function listRecords(
  queries: Queries,
  { model, after, limit }: { model: string; after: string; limit: number },
): Promise<VersionRecord[]> {
  const rows = await queries
    .selectFrom('model_versions')
    .select(recordColumns)
    .where('model', '=', model)
    .where('version', '>', after)
    .orderBy('version')
    .limit(limit)
    .execute();
  return rows.map(toRecord);
}

export async function listAllRecords(queries: Queries): Promise<VersionRecord[]> {
  const query = queries.selectFrom('model_versions').select(recordColumns).orderBy('model').orderBy('version');
  return (await query.execute()).map(toRecord);
}

/** Returns those of these versions that still serve. */
export async function findServing(queries: Queries, ids: readonly string[]): Promise<Set<string>> {
  if (ids.length === 0) return new Set();
  const rows = await queries
    .selectFrom('model_versions')
    .select('id')
    .where('id', 'in', ids)
    .where('retired_at', 'is', null)
    .execute();
  return new Set(rows.map(({ id }) => id));
}

export async function readUsage(queries: Queries, ownerId: string): Promise<Usage> {
  const { versions, bytes } = await queries
    .selectFrom('model_versions')
    .select(({ fn }) => [fn.countAll().as('versions'), fn.sum('size_bytes').as('bytes')])
    .where('owner_id', '=', ownerId)
    .where('retired_at', 'is', null)
    .executeTakeFirstOrThrow();
  return { versions: Number(versions), bytes: Number(bytes) };
}

/** @returns whether it served until now */
export async function retireVersion(queries: Queries, id: string, at: number): Promise<boolean> {
  const { numUpdatedRows } = await queries
    .updateTable('model_versions')
    // Clear what nobody reads any more: the row is kept for ever, so it must be small.
    .set({ retired_at: at, contract: '{}', facts: '{}' })
    .where('id', '=', id)
    .where('retired_at', 'is', null)
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}

async function nextOrdinal(queries: Queries, model: string): Promise<number> {
  const { last } = await queries
    .selectFrom('model_versions')
    .select(({ fn }) => fn.max<number | null>('ordinal').as('last'))
    .where('model', '=', model)
    .executeTakeFirstOrThrow();
  return (last ?? 0) + 1;
}

function toRecord(row: RecordRow): VersionRecord {
  return {
    id: row.id,
    model: row.model,
    version: row.version,
    ownerId: row.owner_id,
    sha256: row.sha256,
    sizeBytes: row.size_bytes,
    description: row.description,
    createdAt: row.created_at,
    retiredAt: row.retired_at,
  };
}
