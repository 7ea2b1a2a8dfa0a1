import { randomUUID } from 'node:crypto';
import type { Queries } from '../persistence/database.ts';
import type { ClientRow } from '../persistence/schema.ts';
import type { Client, VerifiedClient } from './types.ts';

/** What is given when a client is added. */
export interface NewClient {
  readonly name: string;
  readonly passwordHash: string;
  readonly scopes: readonly string[];
}

export async function findClient(queries: Queries, name: string): Promise<Client | undefined> {
  const row = await queries.selectFrom('clients').selectAll().where('name', '=', name).executeTakeFirst();
  return row === undefined ? undefined : toClient(row);
}

/** As `findClient`, for a transaction that goes on to change the client or its families: others wait for its end. */
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

/** @returns the new client's id, or undefined if the name is taken. */
export async function insertClient(
  queries: Queries,
  { name, passwordHash, scopes }: NewClient,
  at: number,
): Promise<string | undefined> {
  const id = randomUUID();
  const { numInsertedOrUpdatedRows } = await queries
    .insertInto('clients')
    .values({
      id,
      name,
      password_hash: passwordHash,
      scopes: toText(scopes),
      created_at: at,
      disabled_at: null,
      password_spent_at: null,
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

export async function setClientScopes(queries: Queries, id: string, scopes: readonly string[]): Promise<void> {
  await queries
    .updateTable('clients')
    .set({ scopes: toText(scopes) })
    .where('id', '=', id)
    .execute();
}

/** Gives all clients a password that is spent. @returns their names */
export async function voidPasswords(queries: Queries, passwordHash: string, at: number): Promise<string[]> {
  await queries.updateTable('clients').set({ password_hash: passwordHash, password_spent_at: at }).execute();
  return (await queries.selectFrom('clients').select('name').orderBy('name').execute()).map(({ name }) => name);
}

/**
 * Takes a password that was verified against `passwordHash`: only if nothing has changed since then.
 * @returns whether this caller is the one that got it.
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
  };
}
