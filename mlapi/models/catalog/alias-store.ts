import type { Queries } from '../../persistence/database.ts';
import type { Alias, Share } from '../types.ts';
import type { ModelAliasRow } from './tables.ts';

export async function findAlias(
  queries: Queries,
  { model, alias }: { model: string; alias: string },
): Promise<Alias | undefined> {
  const row = await queries
    .selectFrom('model_aliases')
    .selectAll()
    .where('model', '=', model)
    .where('alias', '=', alias)
    .executeTakeFirst();
  return row === undefined ? undefined : toAlias(row);
}

/** Lists the aliases of a model by name. */
export async function listAliases(queries: Queries, model: string): Promise<Alias[]> {
  const query = queries.selectFrom('model_aliases').selectAll().where('model', '=', model).orderBy('alias');
  return (await query.execute()).map(toAlias);
}

/** Creates or changes an alias. */
export async function setAlias(queries: Queries, { model, alias, ...moved }: Alias): Promise<void> {
  const { version, canary, shadow, revision, updatedAt } = moved;
  const target = {
    version,
    canary_version: canary?.version ?? null,
    canary_share: canary?.share ?? null,
    shadow_version: shadow?.version ?? null,
    shadow_share: shadow?.share ?? null,
    revision,
    updated_at: updatedAt,
  };
  await queries
    .insertInto('model_aliases')
    .values({ model, alias, ...target })
    .onConflict((conflict) => conflict.columns(['model', 'alias']).doUpdateSet(target))
    .execute();
}

export async function deleteAlias(
  queries: Queries,
  { model, alias }: { model: string; alias: string },
): Promise<boolean> {
  const query = queries.deleteFrom('model_aliases').where('model', '=', model).where('alias', '=', alias);
  return (await query.executeTakeFirst()).numDeletedRows === 1n;
}

function toAlias(row: ModelAliasRow): Alias {
  const { model, alias, version, revision, updated_at: updatedAt } = row;
  const canary = toShare(row.canary_version, row.canary_share);
  const shadow = toShare(row.shadow_version, row.shadow_share);
  return { model, alias, version, canary, shadow, revision, updatedAt };
}

function toShare(version: string | null, share: number | null): Share | null {
  return version === null || share === null ? null : { version, share };
}
