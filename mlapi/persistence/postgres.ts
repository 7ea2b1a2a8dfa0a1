import { PostgresDialect } from 'kysely';

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
