import { afterEach, describe, expect, test } from '@jest/globals';
import { sql } from 'kysely';
import { openDatabase, type Database } from '../../mlapi/persistence/database.ts';
import { allMigrations } from '../../mlapi/features.ts';
import { coreMigrations } from '../../mlapi/persistence/core-migrations.ts';
import {
  MigrationPending,
  mergeMigrations,
  migrate,
  prepareDatabase,
  type Migrations,
} from '../../mlapi/persistence/migrations.ts';
import { mlapi, startCompiled } from '../support/child.ts';
import { databaseOf } from '../support/postgres.ts';
import { startService, temporaryFolder } from '../support/service.ts';

const opened: Database[] = [];
afterEach(async () => {
  for (const database of opened.splice(0)) await database.destroy();
});

function open(dataDir = temporaryFolder()): Database {
  const database = openDatabase({ dataDir, databaseUrl: databaseOf(dataDir).MLAPI_DATABASE_URL });
  opened.push(database);
  return database;
}

describe('migrations', () => {
  const table = (name: string) => ({
    up: async (db: Parameters<Migrations[string]['up']>[0]) => {
      await db.schema.createTable(name).addColumn('id', 'integer').execute();
    },
  });
  const first: Migrations = { '001-first': table('first') };
  const both: Migrations = { ...first, '002-second': table('second') };

  test('two features with a migration of the same name are refused, since one of them would never run', () => {
    expect(Object.keys(mergeMigrations([first, { '003-third': table('third') }]))).toEqual(['001-first', '003-third']);
    expect(() => mergeMigrations([both, { '002-second': table('other') }])).toThrow(/"002-second"; rename the newer/);
  });

  test('the start creates the tables in an empty database', async () => {
    const database = open();
    await prepareDatabase(database, both);
    await prepareDatabase(database, both);
    const tables = (await database.introspection.getTables()).map(({ name }) => name);
    expect(tables).toEqual(expect.arrayContaining(['first', 'second']));
  });

  test('an outdated database stops the start, names the command, and is not changed', async () => {
    const database = open();
    await prepareDatabase(database, first);

    const refusal = prepareDatabase(database, both);

    await expect(refusal).rejects.toThrow(MigrationPending);
    await expect(refusal).rejects.toThrow('lacks 002-second: back it up, then run "npm run mlapi -- migrate"');
    const tables = (await database.introspection.getTables()).map(({ name }) => name);
    expect(tables).not.toContain('second');
    expect(await migrate(database, both)).toEqual(['002-second']);
    await prepareDatabase(database, both);
  });

  test('without features there are only the core’s tables; a feature added later migrates its own', async () => {
    const tablesOf = async (its: Database) => (await its.introspection.getTables()).map(({ name }) => name);
    const database = open();
    await prepareDatabase(database, coreMigrations);
    expect(await tablesOf(database)).toContain('clients');
    expect(await tablesOf(database)).not.toContain('model_versions');

    const all = await allMigrations();
    await expect(prepareDatabase(database, all)).rejects.toThrow('lacks 002-models, 003-traffic, 005-model-lists');
    expect(await migrate(database, all)).toEqual(['002-models', '003-traffic', '005-model-lists']);
    expect(await tablesOf(database)).toContain('model_versions');
    await expect(prepareDatabase(database, coreMigrations)).rejects.toThrow(MigrationPending);
  });

  test('a failing migration leaves nothing behind', async () => {
    const broken: Migrations = {
      ...first,
      '002-broken': {
        up: async (db) => {
          await table('half').up(db);
          throw new Error('no space');
        },
      },
    };
    const database = open();
    await prepareDatabase(database, first);
    await expect(migrate(database, broken)).rejects.toThrow('nothing was changed: no space');
    const tables = (await database.introspection.getTables()).map(({ name }) => name);
    expect(tables).not.toContain('half');
  });

  test('a database of a newer version stops start, commands and migration', async () => {
    const dataDir = temporaryFolder();
    const database = open(dataDir);
    await prepareDatabase(database, await allMigrations());
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
      startCompiled('mlapi/cli/main.ts', ['clients', 'list'], { variables: { MLAPI_DATA_DIR: dataDir } });
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
