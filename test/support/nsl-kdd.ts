import { readFileSync } from 'node:fs';
import { parse } from 'csv-parse/sync';

/** A connection of the data set: 41 cells in feature order, then the attack and its category. */
export interface Connection {
  readonly list: readonly (string | number)[];
  readonly named: Readonly<Record<string, string | number>>;
  readonly category: string;
}

const textual = new Set(['protocol_type', 'service', 'flag']);

/** Reads the connections of a file with the data set's header, such as `rows.csv`. */
export function readConnections(path: string): Connection[] {
  const records: Record<string, string>[] = parse(readFileSync(path), { columns: true });
  return records.map(({ attack: _, category = '', ...cells }) => {
    const entries = Object.entries(cells).map(([name, cell]) => {
      return [name, textual.has(name) ? cell : Number(cell)] as const;
    });
    return { list: entries.map(([, cell]) => cell), named: Object.fromEntries(entries), category };
  });
}
