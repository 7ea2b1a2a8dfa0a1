import { join } from 'node:path';
import { Kysely, type Transaction } from 'kysely';
import type { Config } from '../config/config.ts';
import type { Tables } from './schema.ts';
import { WalSqliteDialect } from './sqlite.ts';

export type Database = Kysely<Tables>;
/** What a store needs: the database itself, or a transaction of it. */
export type Queries = Kysely<Tables> | Transaction<Tables>;

/** Opens the database, and creates its file if there is none. Migrations are a step of their own. */
export function openDatabase({ dataDir }: Pick<Config, 'dataDir'>): Database {
  return new Kysely<Tables>({ dialect: new WalSqliteDialect(join(dataDir, 'mlapi.db')) });
}
