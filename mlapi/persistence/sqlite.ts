import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import {
  SqliteAdapter,
  SqliteDialect,
  SqliteDriver,
  CompiledQuery,
  type DatabaseConnection,
  type Driver,
} from 'kysely';
import Libsql from 'libsql';

const lockTimeoutMs = 5_000;

/** The database stayed locked by another process for longer than a request may wait. */
export class DatabaseBusy extends Error {
  constructor(options?: ErrorOptions) {
    super('the database is locked by another process', options);
    this.name = 'DatabaseBusy';
  }
}

/**
 * SQLite in WAL mode, every commit synced to disk. Transactions take the write lock at their beginning, so that what they
 * read is still true when they write; a process that finds it taken waits without blocking its event loop.
 */
export class WalSqliteDialect extends SqliteDialect {
  readonly #path: string;

  constructor(path: string) {
    super({ database: () => Promise.reject(new Error('opened by the driver')) });
    this.#path = path;
  }

  override createDriver(): Driver {
    return new WalSqliteDriver(this.#path);
  }

  override createAdapter(): SqliteAdapter {
    return new TransactionalDdlAdapter();
  }
}

/** SQLite does run its DDL in transactions; a migration that breaks off then leaves nothing behind. */
class TransactionalDdlAdapter extends SqliteAdapter {
  override get supportsTransactionalDdl(): boolean {
    return true;
  }
}

class WalSqliteDriver extends SqliteDriver {
  constructor(path: string) {
    super({ database: () => Promise.resolve(open(path)) });
  }

  override async beginTransaction(connection: DatabaseConnection): Promise<void> {
    const deadline = performance.now() + lockTimeoutMs;
    for (let attempt = 0; ; attempt += 1) {
      try {
        await connection.executeQuery(CompiledQuery.raw('begin immediate'));
        return;
      } catch (error) {
        if (!isBusy(error)) throw error;
        if (performance.now() > deadline) throw new DatabaseBusy({ cause: error });
        await delay(Math.min(50, 1 + attempt) * (0.5 + Math.random()));
      }
    }
  }
}

function open(path: string): Libsql.Database {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const database = new Libsql(path);
  // Opening may meet another process that opens, too: here, before anything is served, it may wait.
  database.exec(`pragma busy_timeout = ${lockTimeoutMs}`);
  database.exec('pragma journal_mode = wal');
  database.exec('pragma synchronous = full');
  database.exec('pragma foreign_keys = on');
  database.exec('pragma busy_timeout = 0');
  return database;
}

function isBusy(error: unknown): boolean {
  return error instanceof Error && 'code' in error && String(error.code).startsWith('SQLITE_BUSY');
}
