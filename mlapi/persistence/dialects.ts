import { PostgresAdapter, sql } from 'kysely';
import type { Queries } from './database.ts';
import type { Tables } from './schema.ts';

/** Whether queries run on PostgreSQL, for the few that each database has its own words for. */
export function isPostgres(queries: Pick<Queries, 'getExecutor'>): boolean {
  return queries.getExecutor().adapter instanceof PostgresAdapter;
}

/** Keeps other writers out of a table until the transaction ends: where no row is there yet to be locked. On SQLite they are out already. */
export async function lockTable(queries: Queries, table: keyof Tables): Promise<void> {
  if (isPostgres(queries)) await sql`lock table ${sql.table(table)} in share row exclusive mode`.execute(queries);
}
