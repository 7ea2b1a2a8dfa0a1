import Libsql from 'libsql';

type Mode = 'is not done' | 'is done, and reported as failed' | 'is not done, nor is the rollback';
export const faultModes: readonly Mode[] = [
  'is not done',
  'is done, and reported as failed',
  'is not done, nor is the rollback',
];

/** Wraps SQLite, counts calls, and makes one fail. */
class StorageFaults {
  calls = 0;
  hasFailed = false;
  #at = Infinity;
  #mode: Mode = 'is not done';

  /** Makes call number `at`, counted from now, fail. */
  arm(at: number, mode: Mode): void {
    [this.calls, this.hasFailed, this.#at, this.#mode] = [0, false, at, mode];
  }

  disarm(): void {
    this.arm(Infinity, 'is not done');
  }

  run<T>(sql: string, call: () => T): T {
    const isAfterFault = this.hasFailed && this.#mode === 'is not done, nor is the rollback';
    if (isAfterFault && sql === 'rollback') {
      this.#mode = 'is not done';
      throw storageFault();
    }
    this.calls += 1;
    if (this.calls - 1 !== this.#at) return call();
    this.hasFailed = true;
    if (this.#mode === 'is done, and reported as failed') call();
    throw storageFault();
  }
}

function storageFault(): Error {
  return Object.assign(new Error('disk I/O error'), { code: 'SQLITE_IOERR_WRITE' });
}

/** The faults of this process: every SQLite connection in it is wrapped. */
export const storageFaults = new StorageFaults();
type Method = (...parameters: unknown[]) => unknown;
const exec = Reflect.get(Libsql.prototype, 'exec') as Method;
const prepare = Reflect.get(Libsql.prototype, 'prepare') as Method;
Libsql.prototype.exec = function (this: Libsql.Database, sql: string) {
  storageFaults.run(sql, () => exec.call(this, sql));
  return this;
};
Reflect.set(Libsql.prototype, 'prepare', function (this: Libsql.Database, sql: string) {
  const statement = prepare.call(this, sql) as object;
  for (const name of ['run', 'all']) {
    const method = Reflect.get(statement, name) as Method;
    Reflect.set(statement, name, (...given: unknown[]) => storageFaults.run(sql, () => method.apply(statement, given)));
  }
  return statement;
});

/** Removes the wrappers. */
export function restoreStorage(): void {
  Object.assign(Libsql.prototype, { exec, prepare });
}
