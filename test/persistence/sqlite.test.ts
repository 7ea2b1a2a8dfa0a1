import { chmodSync, mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from '@jest/globals';
import { sql } from 'kysely';
import Libsql from 'libsql';
import { openDatabase, type Database } from '../../mlapi/persistence/database.ts';
import { allMigrations } from '../../mlapi/features.ts';
import { prepareDatabase } from '../../mlapi/persistence/migrations.ts';
import { startService, temporaryFolder } from '../support/service.ts';

const opened: Database[] = [];
afterEach(async () => {
  for (const database of opened.splice(0)) await database.destroy();
});

function open(dataDir: string): Database {
  const database = openDatabase({ dataDir, databaseUrl: undefined });
  opened.push(database);
  return database;
}

async function pragma(database: Database, name: string): Promise<unknown> {
  const { rows } = await sql<Record<string, unknown>>`pragma ${sql.raw(name)}`.execute(database);
  return Object.values(rows[0] ?? {})[0];
}

describe('the database file', () => {
  test('uses WAL, syncs every commit, and enforces foreign keys', async () => {
    const database = open(temporaryFolder());
    expect(await pragma(database, 'journal_mode')).toBe('wal');
    expect(await pragma(database, 'synchronous')).toBe(2);
    expect(await pragma(database, 'foreign_keys')).toBe(1);
  });

  test('is readable by its owner only, as are the files beside it and the folder', async () => {
    const dataDir = join(temporaryFolder(), 'made');
    await prepareDatabase(open(dataDir), await allMigrations());
    const mode = (path: string) => (statSync(path).mode & 0o777).toString(8);
    expect(mode(dataDir)).toBe('700');
    for (const name of ['mlapi.db', 'mlapi.db-wal', 'mlapi.db-shm']) expect(mode(join(dataDir, name))).toBe('600');
  });

  test('keeps the mode of a folder that the operator created', async () => {
    const dataDir = join(temporaryFolder(), 'given');
    mkdirSync(dataDir);
    chmodSync(dataDir, 0o750);
    await prepareDatabase(open(dataDir), await allMigrations());
    expect(statSync(dataDir).mode & 0o777).toBe(0o750);
  });
});

describe('a write lock that another process holds', () => {
  function lock(dataDir: string): { release: () => void } {
    const other = new Libsql(join(dataDir, 'mlapi.db'));
    other.exec('begin immediate');
    return {
      release: () => {
        other.exec('rollback');
        other.close();
      },
    };
  }

  /** The longest time in which the event loop was blocked while `work` ran. */
  async function longestStall(work: Promise<unknown>): Promise<number> {
    let last = performance.now();
    let longest = 0;
    const timer = setInterval(() => {
      longest = Math.max(longest, performance.now() - last);
      last = performance.now();
    }, 5);
    await work;
    clearInterval(timer);
    return longest;
  }

  test('held briefly: transactions and single statements wait without blocking the event loop', async () => {
    const dataDir = temporaryFolder();
    const database = open(dataDir);
    await prepareDatabase(database, await allMigrations());
    const event = { at: 1, event: 'reset' };
    const { release } = lock(dataDir);

    const work = Promise.all([
      database.transaction().execute((queries) => queries.insertInto('audit_events').values(event).execute()),
      database.insertInto('audit_events').values(event).execute(),
    ]);
    setTimeout(release, 1_000);

    expect(await longestStall(work)).toBeLessThan(300);
    expect(await database.selectFrom('audit_events').select('at').execute()).toHaveLength(2);
  });

  test('503 with Retry-After: held for longer than a request may wait, it fails all waiting requests at once', async () => {
    const service = await startService({ MLAPI_DATABASE_URL: '' });
    const caller = await service.newClient('caller', ['models:read']);
    const other = await service.newClient('other', ['models:read']);
    const bearer = { authorization: `Bearer ${caller.tokens.access_token}` };
    const { release } = lock(service.dataDir);
    const startedAt = performance.now();
    const writers = Promise.all([
      service.refresh(caller.tokens.refresh_token),
      service.refresh(other.tokens.refresh_token),
      service.http.post('/api/ml').set(bearer).send([[]]),
    ]);

    await service.http.get('/api/ml').set(bearer).expect(200);
    expect(performance.now() - startedAt).toBeLessThan(1_000);
    const answers = await writers;
    expect(performance.now() - startedAt).toBeLessThan(8_000);

    for (const { status, headers } of answers) {
      expect(status).toBe(503);
      expect(headers['retry-after']).toBe('1');
    }
    expect(answers[0].body).toMatchObject({ error: 'temporarily_unavailable' });
    release();
    await service.refresh(caller.tokens.refresh_token).expect(200);
    await service.refresh(other.tokens.refresh_token).expect(200);
    await service.close();
  });

  test('readers do not wait, even while transactions wait', async () => {
    const dataDir = temporaryFolder();
    const database = open(dataDir);
    await prepareDatabase(database, await allMigrations());
    const { release } = lock(dataDir);
    const waiting = database.transaction().execute(() => Promise.resolve('done'));
    const startedAt = performance.now();
    await database.selectFrom('clients').selectAll().execute();
    expect(performance.now() - startedAt).toBeLessThan(500);
    release();
    expect(await waiting).toBe('done');
  });

  test('transactions of one process are serialized, and a failed one leaves nothing behind', async () => {
    const database = open(temporaryFolder());
    await prepareDatabase(database, await allMigrations());
    const add = (at: number) =>
      database.transaction().execute(async (queries) => {
        await queries.insertInto('audit_events').values({ at, event: 'reset' }).execute();
        const rows = await queries.selectFrom('audit_events').select('at').execute();
        if (at % 2 === 1) throw new Error('odd');
        return rows.length;
      });

    const counts = await Promise.allSettled([0, 1, 2, 3, 4].map(add));

    const values = counts.map((count) => (count.status === 'fulfilled' ? count.value : 'failed'));
    expect(values).toEqual([1, 'failed', 2, 'failed', 3]);
    expect(await database.selectFrom('audit_events').select('at').execute()).toHaveLength(3);
  });
});
