import type { Queries } from '../persistence/database.ts';
import type { ModelAliasRow } from '../persistence/schema.ts';
import type { Alias } from './types.ts';

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

/** Of one model, by name. */
export async function listAliases(queries: Queries, model: string): Promise<Alias[]> {
  const query = queries.selectFrom('model_aliases').selectAll().where('model', '=', model).orderBy('alias');
  return (await query.execute()).map(toAlias);
}

/** Lets it point to a version from now on, whether it was there or not. */
export async function setAlias(queries: Queries, { model, alias, version, revision, updatedAt }: Alias): Promise<void> {
  await queries
    .insertInto('model_aliases')
    .values({ model, alias, version, revision, updated_at: updatedAt })
    .onConflict((conflict) =>
      conflict.columns(['model', 'alias']).doUpdateSet({ version, revision, updated_at: updatedAt }),
    )
    .execute();
}

export async function deleteAlias(
  queries: Queries,
  { model, alias }: { model: string; alias: string },
): Promise<boolean> {
  const query = queries.deleteFrom('model_aliases').where('model', '=', model).where('alias', '=', alias);
  return (await query.executeTakeFirst()).numDeletedRows === 1n;
}

function toAlias({ updated_at: updatedAt, ...row }: ModelAliasRow): Alias {
  return { ...row, updatedAt };
}
