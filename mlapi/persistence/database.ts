import { join } from 'node:path';
import { Kysely, type Transaction } from 'kysely';
import type { Config } from '../config/config.ts';
import { BoundedPostgresDialect } from './postgres.ts';
import type { Tables } from './schema.ts';
import { WalSqliteDialect } from './sqlite.ts';

export type Database = Kysely<Tables>;
/** What a store needs: the database itself, or a transaction of it. */
export type Queries = Kysely<Tables> | Transaction<Tables>;

/**
 * Opens the database: PostgreSQL where a URL names it, which connects at the first query; otherwise SQLite, whose file is made if
 * there is none. Migrations are a step of their own.
 * @param options.isPatient for migrations: statements may take as long as they need
 */
export function openDatabase(
  { dataDir, databaseUrl }: Pick<Config, 'dataDir' | 'databaseUrl'>,
  { isPatient = false } = {},
): Database {
  const dialect =
    databaseUrl === undefined
      ? new WalSqliteDialect(sqliteFile(dataDir))
      : new BoundedPostgresDialect(databaseUrl, isPatient);
  return new Kysely<Tables>({ dialect });
}

/** Fails unless the database answers, and would take a write: a standby refuses the lock. Nothing is locked or written. */
export async function checkDatabase(database: Database): Promise<void> {
  await database.selectFrom('clients').select('id').where('id', '=', '').forUpdate().execute();
}

/** Where SQLite keeps the database. */
export function sqliteFile(dataDir: string): string {
  return join(dataDir, 'mlapi.db');
}
