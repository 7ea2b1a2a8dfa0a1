import { sql } from 'kysely';
import type { NameRange } from '../../http/name-ranges.ts';
import type { ModelPage, ModelSummary } from '../../inference/model-source.ts';
import type { Queries } from '../../persistence/database.ts';

/**
 * Every list reads only the rows it returns, however many models and versions exist: it follows an index of serving versions. Names are
 * compared by bytes, in SQLite and (`collate "C"`) in PostgreSQL.
 */
interface IndexedVersion {
  readonly id: string;
  readonly name: string;
  readonly version: string;
}

/** Lists serving versions in a range, by model and version, starting after `after`. */
export async function listServing(
  queries: Queries,
  range: NameRange,
  after: Pick<IndexedVersion, 'name' | 'version'> | undefined,
  limit: number,
): Promise<IndexedVersion[]> {
  return servingQuery(queries, range, after, limit).execute();
}

/** Returns one page of the list of models by name, each with the version that its name denotes. */
export async function listSummaries(queries: Queries, page: ModelPage): Promise<ModelSummary[]> {
  return page.ranges.length === 0 ? [] : summariesQuery(queries, page).execute();
}

export function servingQuery(
  queries: Queries,
  { from, to }: NameRange,
  // No version has an empty name, so all come after it.
  after: Pick<IndexedVersion, 'name' | 'version'> = { name: from, version: '' },
  limit: number,
) {
  return queries
    .selectFrom('model_versions')
    .select(['id', 'model as name', 'version'])
    .where('retired_at', 'is', null)
    .where(sql<boolean>`(model, version) > (${after.name}, ${after.version})`)
    .where('model', '<', to)
    .orderBy('model')
    .orderBy('version')
    .limit(limit);
}

/** @param page must have at least one range */
export function summariesQuery(queries: Queries, page: ModelPage) {
  const default_ = sql`(select version from model_aliases as a where a.model = named.model and a.alias = 'default')`;
  const newest = sql`(
    select version from model_versions as n
    where n.model = named.model and n.retired_at is null order by n.ordinal desc limit 1
  )`;
  return queries
    .selectFrom(namesQuery(queries, page).as('named'))
    .innerJoin('model_versions as served', (join) =>
      join
        .onRef('served.model', '=', 'named.model')
        .on('served.version', '=', sql<string>`coalesce(${default_}, ${newest})`),
    )
    .select(['served.model as name', 'served.version', 'served.description', 'served.sha256'])
    .orderBy('named.model');
}

/** Names of models that have a serving version, sorted. */
function namesQuery(queries: Queries, { ranges: [first, ...others], ownerId, limit }: ModelPage) {
  const namesIn = ({ from, to }: NameRange) => {
    const query = queries
      .selectFrom('model_versions')
      .select('model')
      .distinct()
      .where('retired_at', 'is', null)
      .where('model', '>=', from)
      .where('model', '<', to)
      .orderBy('model')
      .limit(limit);
    return ownerId === undefined ? query : query.where('owner_id', '=', ownerId);
  };
  if (others.length === 0) return namesIn(first!);
  // Each range yields up to a full page, because the other ranges may be empty.
  const each = (range: NameRange) => queries.selectFrom(namesIn(range).as('one')).select('model');
  return others
    .reduce((all, range) => all.unionAll(each(range)), each(first!))
    .orderBy('model')
    .limit(limit);
}
