import { join } from 'node:path';
import { Kysely, type Transaction } from 'kysely';
import type { CoreConfig } from '../config/core-config.ts';
import { BoundedPostgresDialect } from './postgres.ts';
import type { PostgresConfig } from './postgres-variables.ts';
import type { Tables } from './schema.ts';
import { WalSqliteDialect } from './sqlite.ts';

export type Database = Kysely<Tables>;
/** The database or a transaction; stores work with both. */
export type Queries = Kysely<Tables> | Transaction<Tables>;

const sqliteDialects = new WeakMap<Database, WalSqliteDialect>();

/**
 * Opens PostgreSQL if a URL is configured (connecting at the first query), otherwise SQLite, creating the file if needed. Does not run
 * migrations.
 * @param options.isPatient for migrations: no statement timeout
 */
export function openDatabase(
  { dataDir, databaseUrl }: Pick<CoreConfig, 'dataDir'> & Partial<PostgresConfig>,
  { isPatient = false } = {},
): Database {
  if (databaseUrl !== undefined)
    return new Kysely<Tables>({ dialect: new BoundedPostgresDialect(databaseUrl, isPatient) });
  const dialect = new WalSqliteDialect(sqliteFile(dataDir));
  const database = new Kysely<Tables>({ dialect });
  sqliteDialects.set(database, dialect);
  return database;
}

/**
 * A number that changes with every commit of any process: while it is equal, earlier reads are still valid. Takes a few microseconds.
 * Undefined for PostgreSQL, where asking costs as much as reading again.
 */
export function readChanges(database: Database): number | undefined {
  return sqliteDialects.get(database)?.readChanges();
}

/** Rejects unless the database responds and accepts writes: a standby rejects the lock. Locks and writes nothing. */
export async function checkDatabase(database: Database): Promise<void> {
  await database.selectFrom('clients').select('id').where('id', '=', '').forUpdate().execute();
}

/** Path of the SQLite database. */
export function sqliteFile(dataDir: string): string {
  return join(dataDir, 'mlapi.db');
}
