import { chmodSync, mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from '@jest/globals';
import { sql } from 'kysely';
import Libsql from 'libsql';
import { openDatabase, type Database } from '../../mlapi/persistence/database.ts';
import { MigrationPending, migrate, prepareDatabase, type Migrations } from '../../mlapi/persistence/migrations.ts';
import { mlapi, startScript } from '../support/child.ts';
import { startService, temporaryFolder } from '../support/service.ts';

const opened: Database[] = [];
afterEach(async () => {
  for (const database of opened.splice(0)) await database.destroy();
});

function open(dataDir: string): Database {
  const database = openDatabase({ dataDir });
  opened.push(database);
  return database;
}

async function pragma(database: Database, name: string): Promise<unknown> {
  const { rows } = await sql<Record<string, unknown>>`pragma ${sql.raw(name)}`.execute(database);
  return Object.values(rows[0] ?? {})[0];
}

describe('the database file', () => {
  test('WAL, every commit synced, foreign keys on', async () => {
    const database = open(temporaryFolder());
    expect(await pragma(database, 'journal_mode')).toBe('wal');
    expect(await pragma(database, 'synchronous')).toBe(2);
    expect(await pragma(database, 'foreign_keys')).toBe(1);
  });

  test('it is its owner’s alone, with the files beside it and the folder', async () => {
    const dataDir = join(temporaryFolder(), 'made');
    await prepareDatabase(open(dataDir));
    const mode = (path: string) => (statSync(path).mode & 0o777).toString(8);
    expect(mode(dataDir)).toBe('700');
    for (const name of ['mlapi.db', 'mlapi.db-wal', 'mlapi.db-shm']) expect(mode(join(dataDir, name))).toBe('600');
  });

  test('a folder that the operator made keeps its mode', async () => {
    const dataDir = join(temporaryFolder(), 'given');
    mkdirSync(dataDir);
    chmodSync(dataDir, 0o750);
    await prepareDatabase(open(dataDir));
    expect(statSync(dataDir).mode & 0o777).toBe(0o750);
  });
});

describe('migrations', () => {
  const table = (name: string) => ({
    up: async (db: Parameters<Migrations[string]['up']>[0]) => {
      await db.schema.createTable(name).addColumn('id', 'integer').execute();
    },
  });
  const first: Migrations = { '001-first': table('first') };
  const both: Migrations = { ...first, '002-second': table('second') };

  test('an empty database gets its tables at the start', async () => {
    const database = open(temporaryFolder());
    await prepareDatabase(database, both);
    await prepareDatabase(database, both);
    const tables = (await database.introspection.getTables()).map(({ name }) => name);
    expect(tables).toEqual(expect.arrayContaining(['first', 'second']));
  });

  test('an older database stops the start, is told the command, and is not changed', async () => {
    const database = open(temporaryFolder());
    await prepareDatabase(database, first);

    const refusal = prepareDatabase(database, both);

    await expect(refusal).rejects.toThrow(MigrationPending);
    await expect(refusal).rejects.toThrow('lacks 002-second: back it up, then run "npm run mlapi -- migrate"');
    const tables = (await database.introspection.getTables()).map(({ name }) => name);
    expect(tables).not.toContain('second');
    expect(await migrate(database, both)).toEqual(['002-second']);
    await prepareDatabase(database, both);
  });

  test('a migration that breaks off leaves nothing behind', async () => {
    const broken: Migrations = {
      ...first,
      '002-broken': {
        up: async (db) => {
          await table('half').up(db);
          throw new Error('no space');
        },
      },
    };
    const database = open(temporaryFolder());
    await prepareDatabase(database, first);
    await expect(migrate(database, broken)).rejects.toThrow('nothing was changed: no space');
    const tables = (await database.introspection.getTables()).map(({ name }) => name);
    expect(tables).not.toContain('half');
  });

  test('a database of a newer version stops start, commands and migration', async () => {
    const dataDir = temporaryFolder();
    const database = open(dataDir);
    await prepareDatabase(database);
    await sql`insert into kysely_migration values ('999-future', '2030-01-01')`.execute(database);

    await expect(startService({}, { dataDir })).rejects.toThrow('newer version of this service: it has 999-future');
    for (const words of [['serve'], ['clients', 'list'], ['migrate']]) {
      const { code, stderr } = await mlapi(dataDir, words);
      expect(code).toBe(1);
      expect(stderr).toMatch(/^mlapi: the .*999-future.*\n$/);
    }
  });

  test('four processes that open the same empty folder at once all start', async () => {
    const dataDir = temporaryFolder();
    const opener = () =>
      startScript('mlapi/cli/main.ts', ['clients', 'list'], { variables: { MLAPI_DATA_DIR: dataDir } });
    const processes = [opener(), opener(), opener(), opener()];
    for (const process of processes) {
      expect({ ...(await process.ended), stderr: process.stderr }).toEqual({
        code: 0,
        signal: null,
        stderr: '',
      });
    }
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

  /** The longest time for which the event loop stood still while `work` ran. */
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

  test('for a moment: transactions and single statements wait, and the event loop does not', async () => {
    const dataDir = temporaryFolder();
    const database = open(dataDir);
    await prepareDatabase(database);
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

  test('503 with Retry-After: for longer than a request may wait, all who wait are told at once', async () => {
    const service = await startService();
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

  test('who only reads is not kept waiting, also while transactions wait', async () => {
    const dataDir = temporaryFolder();
    const database = open(dataDir);
    await prepareDatabase(database);
    const { release } = lock(dataDir);
    const waiting = database.transaction().execute(() => Promise.resolve('done'));
    const startedAt = performance.now();
    await database.selectFrom('clients').selectAll().execute();
    expect(performance.now() - startedAt).toBeLessThan(500);
    release();
    expect(await waiting).toBe('done');
  });

  test('transactions of one process take turns, and one that fails leaves nothing behind', async () => {
    const database = open(temporaryFolder());
    await prepareDatabase(database);
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
