import { PostgresAdapter, sql } from 'kysely';
import type { Queries } from './database.ts';
import type { Tables } from './schema.ts';

/** Whether queries run on PostgreSQL, for the few statements whose syntax differs. */
export function isPostgres(queries: Pick<Queries, 'getExecutor'>): boolean {
  return queries.getExecutor().adapter instanceof PostgresAdapter;
}

/**
 * Blocks other writers of a table until the transaction ends, for checks that no row lock can protect. SQLite transactions exclude other
 * writers anyway.
 */
export async function lockTableOnPostgres(queries: Queries, table: keyof Tables): Promise<void> {
  if (isPostgres(queries)) await sql`lock table ${sql.table(table)} in share row exclusive mode`.execute(queries);
}
