import { Migrator, sql, type Kysely, type Migration, type MigrationResult } from 'kysely';
import type { Database } from './database.ts';
import { isPostgres } from './dialects.ts';

/** A database that is older or newer than this code: it is never changed behind the operator's back. */
export class MigrationPending extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'MigrationPending';
  }
}

export type Migrations = Readonly<Record<string, Migration>>;

const allMigrations: Migrations = {
  '001-clients-tokens-keys-audit': { up: createFirstTables },
  '002-models': { up: createModelTables },
  '003-traffic': { up: createTrafficTables },
  '004-client-secrets': { up: addClientSecrets },
  '005-model-lists': { up: createListIndexes },
};

/** Creates the tables of an empty database. @throws {MigrationPending} if an existing one is of another version */
export async function prepareDatabase(database: Database, migrations = allMigrations): Promise<void> {
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

/** Runs every pending migration, all or none. @returns the names of those that ran. */
export async function migrate(database: Database, migrations = allMigrations): Promise<string[]> {
  const { error, results } = await migrator(database, migrations).migrateToLatest();
  if (error !== undefined) {
    const reason = error instanceof Error ? error.message : 'for no known reason';
    throw new Error(`the migration failed, and nothing was changed: ${reason}`, { cause: error });
  }
  return (results ?? []).map(({ migrationName }: MigrationResult) => migrationName);
}

function migrator(database: Database, migrations: Migrations): Migrator {
  return new Migrator({ db: database, provider: { getMigrations: () => Promise.resolve(migrations) } });
}

async function executedNames(database: Database): Promise<string[]> {
  const rows = await database
    .withTables<{ kysely_migration: { name: string } }>()
    .selectFrom('kysely_migration')
    .select('name')
    .execute();
  return rows.map(({ name }) => name);
}

async function createFirstTables(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('clients')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('name', 'text', (column) => column.notNull().unique())
    .addColumn('password_hash', 'text', (column) => column.notNull())
    .addColumn('scopes', 'text', (column) => column.notNull())
    .addColumn('created_at', 'bigint', (column) => column.notNull())
    .addColumn('disabled_at', 'bigint')
    .addColumn('password_spent_at', 'bigint')
    .execute();
  await db.schema
    .createTable('token_families')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('client_id', 'text', (column) => column.notNull().references('clients.id'))
    .addColumn('scopes', 'text', (column) => column.notNull())
    .addColumn('generation', 'integer', (column) => column.notNull())
    .addColumn('refresh_jti', 'text', (column) => column.notNull())
    .addColumn('previous_jti', 'text')
    .addColumn('rotated_at', 'bigint', (column) => column.notNull())
    .addColumn('expires_at', 'bigint', (column) => column.notNull())
    .addColumn('created_at', 'bigint', (column) => column.notNull())
    .addColumn('ended_at', 'bigint')
    .addColumn('ended_by', 'text')
    .addColumn('last_address', 'text', (column) => column.notNull())
    .execute();
  await db.schema
    .createIndex('token_families_by_client')
    .on('token_families')
    .columns(['client_id', 'ended_at'])
    .execute();
  await db.schema.createIndex('token_families_by_expiry').on('token_families').column('expires_at').execute();
  await db.schema
    .createTable('signing_keys')
    .addColumn('kid', 'text', (column) => column.primaryKey())
    .addColumn('sealed_private_key', 'text', (column) => column.notNull())
    .addColumn('created_at', 'bigint', (column) => column.notNull())
    .addColumn('signs_from', 'bigint', (column) => column.notNull())
    .addColumn('retired_at', 'bigint')
    .execute();
  await db.schema
    .createTable('audit_events')
    // Numbers that the database gives, 64 bits wide: each has its own spelling.
    .addColumn('id', isPostgres(db) ? 'bigint' : 'integer', (column) =>
      isPostgres(db) ? column.primaryKey().generatedAlwaysAsIdentity() : column.primaryKey().autoIncrement(),
    )
    .addColumn('at', 'bigint', (column) => column.notNull())
    .addColumn('event', 'text', (column) => column.notNull())
    .addColumn('client_id', 'text')
    .addColumn('family_id', 'text')
    .addColumn('address', 'text')
    .addColumn('request_id', 'text')
    .addColumn('detail', 'text')
    .execute();
  await db.schema.createIndex('audit_events_by_time').on('audit_events').column('at').execute();
}

async function createModelTables(db: Kysely<unknown>): Promise<void> {
  // Names are in the order of their bytes, whatever the language of the database is.
  const name = isPostgres(db) ? sql`text collate "C"` : 'text';
  await db.schema
    .createTable('models')
    .addColumn('name', name, (column) => column.primaryKey())
    .addColumn('owner_id', 'text', (column) => column.references('clients.id'))
    .addColumn('created_at', 'bigint', (column) => column.notNull())
    .execute();
  await db.schema
    .createTable('model_versions')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('model', name, (column) => column.notNull().references('models.name'))
    .addColumn('version', name, (column) => column.notNull())
    .addColumn('ordinal', 'integer', (column) => column.notNull())
    .addColumn('owner_id', 'text', (column) => column.references('clients.id'))
    .addColumn('sha256', 'text', (column) => column.notNull())
    .addColumn('size_bytes', 'bigint', (column) => column.notNull())
    .addColumn('description', 'text', (column) => column.notNull())
    .addColumn('contract', 'text', (column) => column.notNull())
    .addColumn('facts', 'text', (column) => column.notNull())
    .addColumn('created_at', 'bigint', (column) => column.notNull())
    .addColumn('retired_at', 'bigint')
    .addUniqueConstraint('model_versions_once', ['model', 'version'])
    .execute();
  await db.schema
    .createIndex('model_versions_by_owner')
    .on('model_versions')
    .columns(['owner_id', 'retired_at'])
    .execute();
  await db.schema
    .createTable('model_aliases')
    .addColumn('model', name, (column) => column.notNull().references('models.name'))
    .addColumn('alias', name, (column) => column.notNull())
    .addColumn('version', name, (column) => column.notNull())
    .addColumn('revision', 'integer', (column) => column.notNull())
    .addColumn('updated_at', 'bigint', (column) => column.notNull())
    .addPrimaryKeyConstraint('model_aliases_key', ['model', 'alias'])
    .execute();
}

async function createTrafficTables(db: Kysely<unknown>): Promise<void> {
  const columns = [
    ['canary_version', 'text'],
    ['canary_share', 'double precision'],
    ['shadow_version', 'text'],
    ['shadow_share', 'double precision'],
  ] as const;
  for (const [name, type] of columns) await db.schema.alterTable('model_aliases').addColumn(name, type).execute();
  await db.schema
    .createTable('model_traffic')
    .addColumn('model', 'text', (column) => column.notNull())
    .addColumn('version', 'text', (column) => column.notNull())
    .addColumn('kind', 'text', (column) => column.notNull())
    .addColumn('at', 'bigint', (column) => column.notNull())
    .addColumn('writer', 'text', (column) => column.notNull())
    .addColumn('counts', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('model_traffic_key', ['model', 'at', 'version', 'kind', 'writer'])
    .execute();
  await db.schema.createIndex('model_traffic_by_time').on('model_traffic').column('at').execute();
}

async function addClientSecrets(db: Kysely<unknown>): Promise<void> {
  const columns = [
    ['secret_digest', 'text'],
    ['secret_changed_at', 'bigint'],
    ['previous_secret_digest', 'text'],
    ['previous_secret_ends_at', 'bigint'],
  ] as const;
  for (const [name, type] of columns) await db.schema.alterTable('clients').addColumn(name, type).execute();
}

/** Only versions that serve: those that are retired are kept for ever, and no list may have to walk past them. */
async function createListIndexes(db: Kysely<unknown>): Promise<void> {
  const indexes = {
    model_versions_serving: ['model', 'version'],
    model_versions_newest: ['model', 'ordinal'],
    model_versions_owned: ['owner_id', 'model'],
  };
  for (const [name, columns] of Object.entries(indexes))
    await db.schema
      .createIndex(name)
      .on('model_versions')
      .columns(columns)
      .where(sql.ref('retired_at'), 'is', null)
      .execute();
  await db.schema.dropIndex('model_versions_by_owner').execute();
}
