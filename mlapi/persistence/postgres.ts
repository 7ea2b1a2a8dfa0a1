import { PostgresAdapter, PostgresDialect, sql } from 'kysely';
import type { Queries } from './database.ts';
import type { Tables } from './schema.ts';

/** A statement that waits for longer, for a lock or a disk, is cancelled by the server. */
const statementTimeoutMs = 2_000;

/**
 * PostgreSQL, each wait of a request bounded: two seconds for a connection, two for a statement, and half a second more where
 * the server does not answer at all. Transactions are READ COMMITTED, PostgreSQL's default. What they decide upon they read with a
 * row lock (`for update`), always the client's before its families', so that a lost race reads what the winner wrote, as on SQLite,
 * and deadlocks cannot be. SERIALIZABLE would answer the loser with an error instead, and all of it would have to be run again.
 */
export class BoundedPostgresDialect extends PostgresDialect {
  /** @param isPatient for migrations: statements may take as long as they need */
  constructor(databaseUrl: string, isPatient = false) {
    super({
      // Only where it is used: the driver is a good part of what a start would load.
      pool: async () => {
        const { BoundedPool } = await import('./postgres-pool.ts');
        return new BoundedPool(databaseUrl, isPatient ? 0 : statementTimeoutMs);
      },
    });
  }
}

/** Whether queries run on PostgreSQL, for the few that each database has its own words for. */
export function isPostgres(queries: Pick<Queries, 'getExecutor'>): boolean {
  return queries.getExecutor().adapter instanceof PostgresAdapter;
}

/** Keeps other writers out of a table until the transaction ends: where no row is there yet to be locked. On SQLite they are out already. */
export async function lockTable(queries: Queries, table: keyof Tables): Promise<void> {
  if (isPostgres(queries)) await sql`lock table ${sql.table(table)} in share row exclusive mode`.execute(queries);
}
