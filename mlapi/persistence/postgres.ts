import { PostgresDialect } from 'kysely';

/** The server cancels statements that take longer, for example waiting for a lock. */
const statementTimeoutMs = 2_000;

/**
 * PostgreSQL with bounded waits: two seconds for a connection, two per statement, and half a second more if the server does not respond.
 * Transactions are READ COMMITTED. Decisions are based on rows locked with `for update`, always the client before its families, so that a
 * lost race reads what the winner wrote (as on SQLite) and deadlocks cannot occur. SERIALIZABLE would make the loser fail and run again.
 */
export class BoundedPostgresDialect extends PostgresDialect {
  /** @param isPatient for migrations: no statement timeout */
  constructor(databaseUrl: string, isPatient = false) {
    super({
      // Loaded on demand: the driver is a large part of what a start would load.
      pool: async () => {
        const { BoundedPool } = await import('./postgres-pool.ts');
        return new BoundedPool(databaseUrl, isPatient ? 0 : statementTimeoutMs);
      },
    });
  }
}
