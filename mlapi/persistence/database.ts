import { join } from 'node:path';
import { Kysely, type Transaction } from 'kysely';
import type { CoreConfig } from '../config/core-config.ts';
import { BoundedPostgresDialect } from './postgres.ts';
import type { PostgresConfig } from './postgres-variables.ts';
import type { Tables } from './schema.ts';
import { WalSqliteDialect } from './sqlite.ts';

export type Database = Kysely<Tables>;
/** The database itself, or a transaction of it: stores work with either. */
export type Queries = Kysely<Tables> | Transaction<Tables>;

const sqliteDialects = new WeakMap<Database, WalSqliteDialect>();

/**
 * Opens the database: PostgreSQL where a URL names it, which connects at the first query; otherwise SQLite, whose file is made if
 * there is none. Migrations are a step of their own.
 * @param options.isPatient for migrations: statements may take as long as they need
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
 * A number that changes with each commit of any process: as long as it is the same, what was read is still true. A few
 * microseconds; undefined for PostgreSQL, where to ask costs as much as to read again.
 */
export function readChanges(database: Database): number | undefined {
  return sqliteDialects.get(database)?.readChanges();
}

/** Fails unless the database answers, and would take a write: a standby refuses the lock. Nothing is locked or written. */
export async function checkDatabase(database: Database): Promise<void> {
  await database.selectFrom('clients').select('id').where('id', '=', '').forUpdate().execute();
}

/** Where SQLite keeps the database. */
export function sqliteFile(dataDir: string): string {
  return join(dataDir, 'mlapi.db');
}
