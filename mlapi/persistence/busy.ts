/** The database stayed locked by another process for longer than a request may wait. */
export class DatabaseBusy extends Error {
  constructor(options?: ErrorOptions) {
    super('the database is locked by another process', options);
    this.name = 'DatabaseBusy';
  }
}

/** The database server refused the connection, lost it, or did not answer in time. */
export class DatabaseUnreachable extends Error {
  constructor(reason: string, options?: ErrorOptions) {
    super(`the database of MLAPI_DATABASE_URL cannot be used: ${reason}`, options);
    this.name = 'DatabaseUnreachable';
  }
}

const passing = /^SQLITE_(?:BUSY|FULL|IOERR|READONLY|CANTOPEN)/;

/**
 * PostgreSQL's own words for the same (its appendix A): connection lost (08), a deadlock or a lost race (40), no resources (53), cancelled
 * by a timeout or a shutdown (57), storage (58), read-only since a fail-over (25006), idle for too long within a transaction (25P03), a lock
 * that is not to be had (55P03).
 */
const passingSqlState = /^(?:(?:08|40|53|57|58)[0-9A-Z]{3}|25006|25P03|55P03)$/;

/** Whether an error says that storage cannot serve now, such as a lock or a full disk: nothing was done, and it may pass. */
export function isStorageFault(error: unknown): boolean {
  if (error instanceof DatabaseBusy || error instanceof DatabaseUnreachable) return true;
  if (!(error instanceof Error) || !('code' in error)) return false;
  const code = String(error.code);
  return passing.test(code) || passingSqlState.test(code);
}
