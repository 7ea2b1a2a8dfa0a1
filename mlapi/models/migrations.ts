import { sql, type Kysely } from 'kysely';
import { isPostgres } from '../persistence/dialects.ts';
import type { Migrations } from '../persistence/migrations.ts';

/** The tables of the model store. */
export const modelStoreMigrations: Migrations = {
  '002-models': { up: createModelTables },
  '003-traffic': { up: createTrafficTables },
  '005-model-lists': { up: createListIndexes },
};

async function createModelTables(db: Kysely<unknown>): Promise<void> {
  // Names sort by bytes, whatever the locale of the database.
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

/** Indexes of serving versions only: retired ones are kept for ever, and lists must not scan them. */
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
