/** Another process kept the database locked for longer than a request may wait. */
export class DatabaseBusy extends Error {
  constructor(options?: ErrorOptions) {
    super('the database is locked by another process', options);
    this.name = 'DatabaseBusy';
  }
}

/** The database server refused or lost the connection, or did not respond in time. */
export class DatabaseUnreachable extends Error {
  constructor(reason: string, options?: ErrorOptions) {
    super(`the database of MLAPI_DATABASE_URL cannot be used: ${reason}`, options);
    this.name = 'DatabaseUnreachable';
  }
}

const passing = /^SQLITE_(?:BUSY|FULL|IOERR|READONLY|CANTOPEN)/;

/**
 * Transient PostgreSQL errors (appendix A): connection lost (08), deadlock or serialization failure (40), insufficient resources (53),
 * cancelled by a timeout or shutdown (57), system error (58), read-only after a fail-over (25006), idle in transaction (25P03), lock not
 * available (55P03).
 */
const passingSqlState = /^(?:(?:08|40|53|57|58)[0-9A-Z]{3}|25006|25P03|55P03)$/;

/** Whether storage is temporarily unavailable, for example locked or full: nothing was done, and a retry may succeed. */
export function isStorageFault(error: unknown): boolean {
  if (error instanceof DatabaseBusy || error instanceof DatabaseUnreachable) return true;
  if (!(error instanceof Error) || !('code' in error)) return false;
  const code = String(error.code);
  return passing.test(code) || passingSqlState.test(code);
}
