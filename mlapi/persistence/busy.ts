/** The database stayed locked by another process for longer than a request may wait. */
export class DatabaseBusy extends Error {
  constructor(options?: ErrorOptions) {
    super('the database is locked by another process', options);
    this.name = 'DatabaseBusy';
  }
}

const passing = /^SQLITE_(?:BUSY|FULL|IOERR|READONLY|CANTOPEN)/;

/** Whether an error says that storage cannot serve now, such as a lock or a full disk: nothing was done, and it may pass. */
export function isStorageFault(error: unknown): boolean {
  if (error instanceof DatabaseBusy) return true;
  return error instanceof Error && 'code' in error && passing.test(String(error.code));
}
