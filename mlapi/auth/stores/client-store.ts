import { randomUUID } from 'node:crypto';
import type { Queries } from '../../persistence/database.ts';
import type { ClientRow } from '../../persistence/schema.ts';
import { makeVoidDigest } from '../client-secrets.ts';
import type { Client, ClientSecret, VerifiedClient } from '../types.ts';

/** Fields of a new client. */
export interface NewClient {
  readonly name: string;
  readonly passwordHash: string;
  readonly scopes: readonly string[];
  /** SHA-256 of a reusable client's secret; none for a client with a one-time password. */
  readonly secretDigest?: string;
}

export async function findClient(queries: Queries, name: string): Promise<Client | undefined> {
  const row = await queries.selectFrom('clients').selectAll().where('name', '=', name).executeTakeFirst();
  return row === undefined ? undefined : toClient(row);
}

/** Like `findClient`, with a row lock for a transaction that changes the client or its families. */
export async function lockClient(
  queries: Queries,
  which: Pick<Client, 'id'> | Pick<Client, 'name'>,
): Promise<Client | undefined> {
  const query = queries.selectFrom('clients').selectAll().forUpdate();
  const found = 'id' in which ? query.where('id', '=', which.id) : query.where('name', '=', which.name);
  const row = await found.executeTakeFirst();
  return row === undefined ? undefined : toClient(row);
}

export async function listClients(queries: Queries): Promise<Client[]> {
  return (await queries.selectFrom('clients').selectAll().orderBy('name').execute()).map(toClient);
}

/** Returns the names of all clients, disabled ones included. */
export async function listNames(queries: Queries): Promise<string[]> {
  return (await queries.selectFrom('clients').select('name').execute()).map(({ name }) => name);
}

/** @returns the new client's id, or undefined if the name is taken */
export async function insertClient(
  queries: Queries,
  { name, passwordHash, scopes, secretDigest }: NewClient,
  at: number,
): Promise<string | undefined> {
  const id = randomUUID();
  const isReusable = secretDigest !== undefined;
  const { numInsertedOrUpdatedRows } = await queries
    .insertInto('clients')
    .values({
      id,
      name,
      password_hash: passwordHash,
      scopes: toText(scopes),
      created_at: at,
      disabled_at: null,
      // Nobody knows the password of a reusable client; marked as used, it could not be used either.
      password_spent_at: isReusable ? at : null,
      secret_digest: secretDigest ?? null,
      secret_changed_at: isReusable ? at : null,
    })
    .onConflict((conflict) => conflict.column('name').doNothing())
    .executeTakeFirst();
  return numInsertedOrUpdatedRows === 1n ? id : undefined;
}

export async function setClientDisabled(queries: Queries, id: string, disabledAt: number | null): Promise<void> {
  await queries.updateTable('clients').set({ disabled_at: disabledAt }).where('id', '=', id).execute();
}

export async function setClientPassword(queries: Queries, id: string, passwordHash: string): Promise<void> {
  await queries
    .updateTable('clients')
    .set({ password_hash: passwordHash, password_spent_at: null })
    .where('id', '=', id)
    .execute();
}

/** Gives a reusable client a new secret. @param secret includes the previous one if that stays valid for a while */
export async function setClientSecret(queries: Queries, id: string, secret: ClientSecret): Promise<void> {
  await queries
    .updateTable('clients')
    .set({ secret_digest: secret.digest, secret_changed_at: secret.changedAt })
    .set({ previous_secret_digest: secret.previous?.digest ?? null })
    .set({ previous_secret_ends_at: secret.previous?.endsAt ?? null })
    .where('id', '=', id)
    .execute();
}

export async function setClientScopes(queries: Queries, id: string, scopes: readonly string[]): Promise<void> {
  await queries
    .updateTable('clients')
    .set({ scopes: toText(scopes) })
    .where('id', '=', id)
    .execute();
}

/** Replaces all passwords, and the secrets of reusable clients, by unknown ones. @returns the names of all clients */
export async function voidPasswords(queries: Queries, passwordHash: string, at: number): Promise<string[]> {
  await queries.updateTable('clients').set({ password_hash: passwordHash, password_spent_at: at }).execute();
  if (await hasSecrets(queries)) await voidSecrets(queries, at);
  return (await queries.selectFrom('clients').select('name').orderBy('name').execute()).map(({ name }) => name);
}

/** A backup also runs before a migration, when the column for secrets may not exist yet. */
async function hasSecrets({ introspection }: Queries): Promise<boolean> {
  const clients = (await introspection.getTables()).find(({ name }) => name === 'clients');
  return clients?.columns.some(({ name }) => name === 'secret_digest') === true;
}

async function voidSecrets(queries: Queries, at: number): Promise<void> {
  await queries
    .updateTable('clients')
    .set({ secret_digest: makeVoidDigest(), secret_changed_at: at })
    .set({ previous_secret_digest: null, previous_secret_ends_at: null })
    .where('secret_digest', 'is not', null)
    .execute();
}

/**
 * Marks a password as used, if it is still the one that was verified.
 * @param once whether a password that was used before is refused
 * @returns whether this caller got it
 */
export async function spendPassword(
  queries: Queries,
  client: VerifiedClient,
  at: number,
  once: boolean,
): Promise<boolean> {
  let update = queries
    .updateTable('clients')
    .set({ password_spent_at: at })
    .where('id', '=', client.id)
    .where('password_hash', '=', client.passwordHash)
    .where('disabled_at', 'is', null);
  if (once) update = update.where('password_spent_at', 'is', null);
  return (await update.executeTakeFirst()).numUpdatedRows === 1n;
}

function toText(scopes: readonly string[]): string {
  return [...new Set(scopes)].sort().join(' ');
}

function toClient(row: ClientRow): Client {
  return {
    id: row.id,
    name: row.name,
    passwordHash: row.password_hash,
    scopes: row.scopes === '' ? [] : row.scopes.split(' '),
    createdAt: row.created_at,
    disabledAt: row.disabled_at,
    passwordSpentAt: row.password_spent_at,
    secret: toSecret(row),
  };
}

function toSecret({
  secret_digest: digest,
  secret_changed_at: changedAt,
  ...row
}: ClientRow): ClientSecret | undefined {
  if (digest === null) return undefined;
  const { previous_secret_digest: previousDigest, previous_secret_ends_at: endsAt } = row;
  const hasPrevious = previousDigest !== null && endsAt !== null;
  return { digest, changedAt: changedAt ?? 0, previous: hasPrevious ? { digest: previousDigest, endsAt } : undefined };
}
