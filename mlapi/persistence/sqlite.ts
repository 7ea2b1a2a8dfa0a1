import { closeSync, existsSync, lstatSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import {
  SqliteAdapter,
  SqliteDialect,
  SqliteQueryCompiler,
  type CompiledQuery,
  type DatabaseConnection,
  type Driver,
  type QueryResult,
  type SelectModifierNode,
} from 'kysely';
import Libsql from 'libsql';
import { DatabaseBusy } from './busy.ts';

const lockTimeoutMs = 5_000;
/** Requests that arrive within this time share one look, in milliseconds. */
const sharedLookMs = 0.5;

/**
 * SQLite in WAL mode, with every commit synced to disk. Transactions take the write lock at their start, so that what they read is still
 * true when they write. Waiting for the lock blocks neither the event loop nor readers.
 */
export class WalSqliteDialect extends SqliteDialect {
  readonly #driver: WalSqliteDriver;

  constructor(path: string) {
    super({ database: () => Promise.reject(new Error('opened by the driver')) });
    this.#driver = new WalSqliteDriver(path);
  }

  override createDriver(): Driver {
    return this.#driver;
  }

  /** Returns a number that changes with every commit of any process. Call it only after the database was used. */
  readChanges(): number {
    return this.#driver.readChanges();
  }

  override createAdapter(): SqliteAdapter {
    return new TransactionalDdlAdapter();
  }

  override createQueryCompiler(): SqliteQueryCompiler {
    return new LocklessQueryCompiler();
  }
}

/** Omits PostgreSQL's row locks (`for update`): a SQLite transaction locks the whole database. */
class LocklessQueryCompiler extends SqliteQueryCompiler {
  protected override visitSelectModifier(node: SelectModifierNode): void {
    if (node.modifier === 'Distinct') super.visitSelectModifier(node);
  }
}

/** SQLite runs DDL in transactions, so a failed migration leaves nothing behind. */
class TransactionalDdlAdapter extends SqliteAdapter {
  override get supportsTransactionalDdl(): boolean {
    return true;
  }
}

/** Two connections: one for transactions, which take turns, and one for statements that only read. */
class WalSqliteDriver implements Driver {
  readonly #path: string;
  #reads!: Libsql.Database;
  #writes!: Libsql.Database;
  #dataVersion!: Libsql.Statement;
  #changes: number | undefined;
  #changesReadAt = 0;
  #lastTurn = Promise.resolve();

  constructor(path: string) {
    this.#path = path;
  }

  init(): Promise<void> {
    this.#writes = openWhole(this.#path);
    this.#reads = open(this.#path);
    this.#dataVersion = this.#reads.prepare('pragma data_version').raw();
    return Promise.resolve();
  }

  /** Shares one result among the requests of a short event-loop turn. */
  readChanges(): number {
    const now = performance.now();
    if (this.#changes !== undefined && now - this.#changesReadAt < sharedLookMs) return this.#changes;
    // data_version counts commits of other connections; this one never writes.
    const [version] = this.#dataVersion.get([]) as [number];
    if (this.#changes === undefined) setImmediate(() => (this.#changes = undefined));
    this.#changesReadAt = now;
    this.#changes = version;
    return version;
  }

  acquireConnection(): Promise<Lane> {
    return Promise.resolve(new Lane(this.#reads, (write) => this.#inTransaction(write)));
  }

  async beginTransaction(lane: Lane): Promise<void> {
    lane.enter(this.#writes, await this.#begin());
  }

  commitTransaction(lane: Lane): Promise<void> {
    this.#commit();
    lane.leave();
    return Promise.resolve();
  }

  rollbackTransaction(lane: Lane): Promise<void> {
    try {
      this.#rollback();
    } finally {
      lane.leave();
    }
    return Promise.resolve();
  }

  releaseConnection(): Promise<void> {
    return Promise.resolve();
  }

  destroy(): Promise<void> {
    this.#writes.close();
    this.#reads.close();
    return Promise.resolve();
  }

  async #inTransaction<T>(write: (database: Libsql.Database) => T): Promise<T> {
    const endTurn = await this.#begin();
    try {
      const result = write(this.#writes);
      this.#commit();
      return result;
    } catch (error) {
      this.#rollback();
      throw error;
    } finally {
      endTurn();
    }
  }

  #commit(): void {
    this.#changes = undefined;
    this.#writes.exec('commit');
  }

  /**
   * Waits for the turn and the lock. Only `exec` may meet the lock: a prepared statement that fails on it stays active until it is
   * collected, and holds a stale snapshot.
   * @returns a function that ends the turn
   */
  async #begin(): Promise<() => void> {
    const deadline = performance.now() + lockTimeoutMs;
    const endTurn = await this.#takeTurn();
    for (let attempt = 0; ; attempt += 1) {
      try {
        // A transaction whose begin, commit or rollback failed may still be open and would block all others.
        this.#rollback();
        this.#writes.exec('begin immediate');
        return endTurn;
      } catch (error) {
        if (!isBusy(error) || performance.now() > deadline) {
          endTurn();
          throw isBusy(error) ? new DatabaseBusy({ cause: error }) : error;
        }
        await delay(Math.min(50, 1 + attempt) * (0.5 + Math.random()));
      }
    }
  }

  async #takeTurn(): Promise<() => void> {
    const before = this.#lastTurn;
    let endTurn = (): void => undefined;
    this.#lastTurn = new Promise((resolve) => (endTurn = resolve));
    await before;
    return endTurn;
  }

  #rollback(): void {
    // Some failures, such as a full disk, have rolled back already.
    if (this.#writes.inTransaction) this.#writes.exec('rollback');
  }
}

/** Connection of one caller: runs statements in the caller's transaction or alone. A write outside a transaction gets its own. */
class Lane implements DatabaseConnection {
  readonly #reads: Libsql.Database;
  readonly #inTransaction: <T>(write: (database: Libsql.Database) => T) => Promise<T>;
  #transaction: { database: Libsql.Database; endTurn: () => void } | undefined;

  constructor(reads: Libsql.Database, inTransaction: <T>(write: (database: Libsql.Database) => T) => Promise<T>) {
    this.#reads = reads;
    this.#inTransaction = inTransaction;
  }

  enter(database: Libsql.Database, endTurn: () => void): void {
    this.#transaction = { database, endTurn };
  }

  leave(): void {
    this.#transaction?.endTurn();
    this.#transaction = undefined;
  }

  async executeQuery<R>({ sql, parameters }: CompiledQuery): Promise<QueryResult<R>> {
    if (this.#transaction !== undefined) return execute<R>(this.#transaction.database, sql, parameters);
    if (this.#reads.prepare(sql).reader) return execute<R>(this.#reads, sql, parameters);
    return this.#inTransaction((database) => execute<R>(database, sql, parameters));
  }

  streamQuery(): never {
    throw new Error('rows are not streamed');
  }
}

function execute<R>(database: Libsql.Database, sql: string, parameters: readonly unknown[]): QueryResult<R> {
  const statement = database.prepare(sql);
  if (statement.reader) return { rows: statement.all(parameters) as R[] };
  const { changes, lastInsertRowid } = statement.run(parameters);
  return { rows: [], numAffectedRows: BigInt(changes), insertId: BigInt(lastInsertRowid) };
}

/** Opens the database and checks the tables. @throws {Error} for the operator if it cannot be opened or is damaged */
function openWhole(path: string): Libsql.Database {
  try {
    const database = open(path);
    const tables = database.prepare("select name from sqlite_schema where type = 'table'").pluck().all([]) as string[];
    // The audit trail is append-only and may be too large to check at every start.
    const faults = tables
      .filter((name) => name !== 'audit_events')
      .flatMap((name) => database.prepare(`pragma quick_check('${name}')`).pluck().all([]) as string[])
      .filter((found) => found !== 'ok');
    if (faults[0] !== undefined) throw Object.assign(new Error(faults[0]), { code: 'SQLITE_CORRUPT' });
    return database;
  } catch (cause) {
    if (!(cause instanceof Error) || !('code' in cause)) throw cause;
    const reason = cause.message.replace(/\s+/g, ' ');
    const isDamaged = /^SQLITE_(?:CORRUPT|NOTADB)/.test(String(cause.code));
    const message = isDamaged ? `is damaged (${reason}): restore a backup` : `cannot be opened: ${reason}`;
    throw new Error(`the database ${path} ${message}`, { cause });
  }
}

function open(path: string): Libsql.Database {
  const folder = dirname(path);
  // Not recursive, so that a mistyped path is reported; on /proc, Node would hang.
  if (!existsSync(folder)) mkdirSync(folder, { mode: 0o700 });
  createPrivately(path);
  const database = new Libsql(path);
  // Another process may be opening the file too: waiting is acceptable before anything is served.
  database.exec(`pragma busy_timeout = ${lockTimeoutMs}`);
  database.exec('pragma journal_mode = wal');
  database.exec('pragma synchronous = full');
  database.exec('pragma foreign_keys = on');
  database.exec('pragma busy_timeout = 0');
  return database;
}

/**
 * Creates the file for this user only; SQLite gives its other files the same mode. An existing file is not opened: closing it would drop
 * this process's locks, and another process could then delete the log.
 */
function createPrivately(path: string): void {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) closeSync(openSync(path, 'a', 0o600));
  else if (!found.isFile()) throw new Error(`${path} is not a file`);
  else if ((found.mode & 0o007) !== 0) throw new Error(`${path} is open to every user of this machine: chmod 600`);
}

function isBusy(error: unknown): boolean {
  return error instanceof Error && 'code' in error && String(error.code).startsWith('SQLITE_BUSY');
}
