import type { Queries } from '../../persistence/database.ts';
import type { TokenFamily } from '../types.ts';

/** Why a family ended. */
export type FamilyEnd = 'reset' | 'replay' | 'revoked' | 'disabled' | 'password' | 'secret' | 'scopes' | 'restore';

export interface NewFamily {
  readonly id: string;
  readonly clientId: string;
  readonly scopes: readonly string[];
  readonly refreshJti: string;
  readonly createdAt: number;
  readonly expiresAt: number;
  readonly lastAddress: string;
}

export async function insertFamily(queries: Queries, family: NewFamily): Promise<void> {
  await queries
    .insertInto('token_families')
    .values({
      id: family.id,
      client_id: family.clientId,
      scopes: family.scopes.join(' '),
      generation: 0,
      refresh_jti: family.refreshJti,
      previous_jti: null,
      rotated_at: family.createdAt,
      expires_at: family.expiresAt,
      created_at: family.createdAt,
      ended_at: null,
      ended_by: null,
      last_address: family.lastAddress,
    })
    .execute();
}

/** Reads a family and its client in one query, since every request needs both. Finds nothing if the signing key `kid` is retired. */
export async function findFamily(queries: Queries, id: string, kid: string): Promise<TokenFamily | undefined> {
  return toFamily(await familyQuery(queries, id, kid).executeTakeFirst());
}

/** Like `findFamily`, with a row lock for a transaction that advances or ends the family. */
export async function lockFamily(queries: Queries, id: string, kid: string): Promise<TokenFamily | undefined> {
  return toFamily(await familyQuery(queries, id, kid).forUpdate('family').executeTakeFirst());
}

/** Locks a family against being ended. @returns whether the client has a family of this id that has not ended */
export async function lockLivingFamily(
  queries: Queries,
  { id, clientId }: Pick<NewFamily, 'id' | 'clientId'>,
): Promise<boolean> {
  const row = await queries
    .selectFrom('token_families')
    .select('id')
    .where('id', '=', id)
    .where('client_id', '=', clientId)
    .where('ended_at', 'is', null)
    .forUpdate()
    .executeTakeFirst();
  return row !== undefined;
}

function familyQuery(queries: Queries, id: string, kid: string) {
  return queries
    .selectFrom('token_families as family')
    .innerJoin('clients as client', 'client.id', 'family.client_id')
    .innerJoin('signing_keys as key', (join) => join.on('key.kid', '=', kid).on('key.retired_at', 'is', null))
    .select([
      'family.id',
      'family.client_id',
      'family.scopes',
      'family.generation',
      'family.refresh_jti',
      'family.previous_jti',
    ])
    .select([
      'family.rotated_at',
      'family.expires_at',
      'family.ended_at',
      'family.last_address',
      'client.name',
      'client.disabled_at',
    ])
    .where('family.id', '=', id);
}

type FoundFamily = Awaited<ReturnType<ReturnType<typeof familyQuery>['executeTakeFirst']>>;

function toFamily(row: FoundFamily): TokenFamily | undefined {
  if (row === undefined) return undefined;
  return {
    id: row.id,
    clientId: row.client_id,
    clientName: row.name,
    scopes: row.scopes === '' ? [] : row.scopes.split(' '),
    generation: row.generation,
    refreshJti: row.refresh_jti,
    previousJti: row.previous_jti,
    rotatedAt: row.rotated_at,
    expiresAt: row.expires_at,
    endedAt: row.ended_at,
    lastAddress: row.last_address,
    isClientDisabled: row.disabled_at !== null,
  };
}

/** Moves a family to its next generation. @returns false if another request has advanced or ended it since it was read */
export async function advanceFamily(
  queries: Queries,
  family: TokenFamily,
  next: { refreshJti: string; at: number; address: string },
): Promise<boolean> {
  const { numUpdatedRows } = await queries
    .updateTable('token_families')
    .set({ generation: family.generation + 1, refresh_jti: next.refreshJti, previous_jti: family.refreshJti })
    .set({ rotated_at: next.at, last_address: next.address })
    .where('id', '=', family.id)
    .where('generation', '=', family.generation)
    .where('ended_at', 'is', null)
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}

/** @returns whether the family was alive until now */
export async function endFamily(queries: Queries, id: string, by: FamilyEnd, at: number): Promise<boolean> {
  const { numUpdatedRows } = await queries
    .updateTable('token_families')
    .set({ ended_at: at, ended_by: by })
    .where('id', '=', id)
    .where('ended_at', 'is', null)
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}

/** @returns the number of families that were alive until now */
export async function endFamiliesOf(queries: Queries, clientId: string, by: FamilyEnd, at: number): Promise<number> {
  const { numUpdatedRows } = await queries
    .updateTable('token_families')
    .set({ ended_at: at, ended_by: by })
    .where('client_id', '=', clientId)
    .where('ended_at', 'is', null)
    .executeTakeFirst();
  return Number(numUpdatedRows);
}

export async function endAllFamilies(queries: Queries, by: FamilyEnd, at: number): Promise<void> {
  await queries
    .updateTable('token_families')
    .set({ ended_at: at, ended_by: by })
    .where('ended_at', 'is', null)
    .execute();
}

/** Deletes families whose tokens have all expired. Until then each is needed to detect reuse. */
export async function deleteExpiredFamilies(queries: Queries, before: number): Promise<void> {
  const expired = queries.selectFrom('token_families').select('id').where('expires_at', '<', before);
  // Rows that another transaction has locked are left for the purge an hour later.
  await queries.deleteFrom('token_families').where('id', 'in', expired.forUpdate().skipLocked()).execute();
}

/** Whether a stored family of this client was last used from this address. Such an address is exempt from the limit on failed passwords. */
export async function isKnownAddress(queries: Queries, name: string, address: string): Promise<boolean> {
  const row = await queries
    .selectFrom('token_families as family')
    .innerJoin('clients as client', 'client.id', 'family.client_id')
    .select('family.id')
    .where('client.name', '=', name)
    .where('family.last_address', '=', address)
    .limit(1)
    .executeTakeFirst();
  return row !== undefined;
}
