import { Migrator, type Migration, type MigrationResult } from 'kysely';
import type { Database } from './database.ts';

/** The database is older or newer than this code. It is never migrated without the operator's command. */
export class MigrationPending extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'MigrationPending';
  }
}

export type Migrations = Readonly<Record<string, Migration>>;

/** @throws {Error} if two features call a migration the same: one of them would never run */
export function mergeMigrations(groups: readonly Migrations[]): Migrations {
  const all: Record<string, Migration> = {};
  for (const [name, migration] of groups.flatMap((group) => Object.entries(group))) {
    if (Object.hasOwn(all, name)) throw new Error(`two features have a migration "${name}"; rename the newer one`);
    all[name] = migration;
  }
  return all;
}

/** Creates the tables of an empty database. @throws {MigrationPending} if an existing database has another version */
export async function prepareDatabase(database: Database, migrations: Migrations): Promise<void> {
  const states = await migrator(database, migrations).getMigrations();
  const pending = states.filter(({ executedAt }) => executedAt === undefined).map(({ name }) => name);
  if (pending.length === states.length) {
    await migrate(database, migrations);
    return;
  }
  if (pending.length > 0) {
    throw new MigrationPending(
      `the database lacks ${pending.join(', ')}: back it up, then run "npm run mlapi -- migrate"`,
    );
  }
  const unknown = (await executedNames(database)).filter((name) => !Object.hasOwn(migrations, name));
  if (unknown.length > 0) {
    throw new MigrationPending(`the database is of a newer version of this service: it has ${unknown.join(', ')}`);
  }
}

/** Runs all pending migrations, all or none. @returns their names */
export async function migrate(database: Database, migrations: Migrations): Promise<string[]> {
  const { error, results } = await migrator(database, migrations).migrateToLatest();
  if (error !== undefined) {
    const reason = error instanceof Error ? error.message : 'for no known reason';
    throw new Error(`the migration failed, and nothing was changed: ${reason}`, { cause: error });
  }
  return (results ?? []).map(({ migrationName }: MigrationResult) => migrationName);
}

function migrator(database: Database, migrations: Migrations): Migrator {
  return new Migrator({
    db: database,
    provider: { getMigrations: () => Promise.resolve(migrations) },
    // A feature added later may have migrations whose names sort before some that have run.
    allowUnorderedMigrations: true,
  });
}

async function executedNames(database: Database): Promise<string[]> {
  const rows = await database
    .withTables<{ kysely_migration: { name: string } }>()
    .selectFrom('kysely_migration')
    .select('name')
    .execute();
  return rows.map(({ name }) => name);
}
