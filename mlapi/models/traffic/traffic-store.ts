import type { Queries } from '../../persistence/database.ts';
import type { Counts, Role } from './counts.ts';
import type { InputCounts } from './input-bins.ts';

/** Counts of one version by one process in one period: of predictions or of inputs. */
export type TrafficRecord = {
  readonly model: string;
  readonly version: string;
  /** Start of the period, in epoch milliseconds. */
  readonly at: number;
} & ({ readonly kind: Role; readonly counts: Counts } | { readonly kind: 'inputs'; readonly counts: InputCounts });

/** Stores what a process has counted so far in a period, replacing what it stored for that period before. */
export async function writeTraffic(queries: Queries, writer: string, records: readonly TrafficRecord[]): Promise<void> {
  await queries
    .insertInto('model_traffic')
    .values(records.map(({ counts, ...record }) => ({ ...record, writer, counts: JSON.stringify(counts) })))
    .onConflict((conflict) =>
      conflict
        .columns(['model', 'at', 'version', 'kind', 'writer'])
        .doUpdateSet((values) => ({ counts: values.ref('excluded.counts') })),
    )
    .execute();
}

/** Reads what all processes stored for one period. */
export async function readTraffic(queries: Queries, model: string, at: number): Promise<TrafficRecord[]> {
  const rows = await queries
    .selectFrom('model_traffic')
    .select(['model', 'version', 'kind', 'at', 'counts'])
    .where('model', '=', model)
    .where('at', '=', at)
    .execute();
  return rows.map(({ counts, ...row }) => ({ ...row, counts: JSON.parse(counts) as Counts }) as TrafficRecord);
}

export async function deleteTraffic(queries: Queries, before: number): Promise<void> {
  await queries.deleteFrom('model_traffic').where('at', '<', before).execute();
}
