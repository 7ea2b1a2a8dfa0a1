import { randomUUID } from 'node:crypto';
import type { Database } from '../../mlapi/persistence/database.ts';

/** A version that is never computed: a row as an upload leaves it. */
export interface StoredRow {
  readonly model: string;
  readonly version: string;
  readonly isRetired?: boolean;
  readonly ownerId?: string | null;
}

const perStatement = 500;

/** Writes models directly into the store, since uploads would take hours. The newest version comes last. */
export async function storeRows(database: Database, rows: readonly StoredRow[], at: number): Promise<void> {
  const ordinals = new Map<string, number>();
  const owners = new Map(rows.map(({ model, ownerId = null }) => [model, ownerId]));
  await database.transaction().execute(async (queries) => {
    const models = [...owners].map(([name, owner_id]) => ({ name, owner_id, created_at: at }));
    for (let from = 0; from < models.length; from += perStatement)
      await queries
        .insertInto('models')
        .values(models.slice(from, from + perStatement))
        .execute();
    const versions = rows.map(({ model, version, isRetired = false, ownerId = null }) => {
      const ordinal = (ordinals.get(model) ?? 0) + 1;
      ordinals.set(model, ordinal);
      return {
        ...{ id: randomUUID(), model, version, ordinal, owner_id: ownerId, sha256: '0'.repeat(64), size_bytes: 1 },
        ...{ description: '', contract: '{}', facts: '{}', created_at: at, retired_at: isRetired ? at : null },
      };
    });
    for (let from = 0; from < versions.length; from += perStatement)
      await queries
        .insertInto('model_versions')
        .values(versions.slice(from, from + perStatement))
        .execute();
  });
}
