import { closeSync, existsSync, fsyncSync, linkSync, openSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { Kysely, sql, SqliteDialect, type Transaction } from 'kysely';
import Libsql from 'libsql';
import type { Tables } from './schema.ts';

const lockTimeoutMs = 5_000;

/**
 * Copies a SQLite database into a new file readable by this user only, while other processes write to it. The copy contains every write
 * acknowledged before. It gets its name only after `change` was applied, it was checked, and it is on disk; a failure leaves no file of
 * that name.
 */
export async function copyDatabase<T>(
  from: string,
  to: string,
  change: (queries: Transaction<Tables>) => Promise<T>,
): Promise<T> {
  if (!existsSync(from)) throw new Error(`there is no database at ${from}`);
  if (existsSync(to)) throw new Error(`${to} exists already`);
  const temporary = `${to}.${process.pid}.tmp`;
  try {
    closeSync(openSync(temporary, 'wx', 0o600));
    takeSnapshot(from, temporary);
    const result = await changeCopy(temporary, change);
    syncToDisk(temporary);
    // link fails if the name has been taken meanwhile; rename would replace the file.
    linkSync(temporary, to);
    return result;
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`${from} was not copied to ${to}: ${reason}`, { cause });
  } finally {
    for (const name of [temporary, `${temporary}-journal`]) rmSync(name, { force: true });
    if (existsSync(dirname(to))) syncToDisk(dirname(to));
  }
}

function takeSnapshot(from: string, to: string): void {
  const database = new Libsql(from);
  try {
    database.exec(`pragma busy_timeout = ${lockTimeoutMs}`);
    database.exec(`vacuum into '${to.replaceAll("'", "''")}'`);
  } finally {
    database.close();
  }
}

async function changeCopy<T>(path: string, change: (queries: Transaction<Tables>) => Promise<T>): Promise<T> {
  const file = new Libsql(path);
  // No other process uses the file, so it needs no write-ahead log. Deleted content is overwritten.
  file.exec('pragma journal_mode = memory');
  file.exec('pragma secure_delete = on');
  const database = new Kysely<Tables>({ dialect: new SqliteDialect({ database: file }) });
  try {
    const result = await database.transaction().execute(change);
    const { rows } = await sql<{ integrity_check: string }>`pragma integrity_check`.execute(database);
    if (rows[0]?.integrity_check !== 'ok') throw new Error(`it is damaged: ${rows[0]?.integrity_check ?? ''}`);
    return result;
  } finally {
    await database.destroy();
  }
}

function syncToDisk(path: string): void {
  const file = openSync(path, 'r');
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}
