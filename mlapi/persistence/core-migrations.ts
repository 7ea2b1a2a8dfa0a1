import type { Kysely } from 'kysely';
import { isPostgres } from './dialects.ts';
import type { Migrations } from './migrations.ts';

/** The tables of a service without features. */
export const coreMigrations: Migrations = {
  '001-clients-tokens-keys-audit': { up: createFirstTables },
  '004-client-secrets': { up: addClientSecrets },
};

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
    // 64-bit ids assigned by the database; the syntax differs between databases.
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

async function addClientSecrets(db: Kysely<unknown>): Promise<void> {
  const columns = [
    ['secret_digest', 'text'],
    ['secret_changed_at', 'bigint'],
    ['previous_secret_digest', 'text'],
    ['previous_secret_ends_at', 'bigint'],
  ] as const;
  for (const [name, type] of columns) await db.schema.alterTable('clients').addColumn(name, type).execute();
}
