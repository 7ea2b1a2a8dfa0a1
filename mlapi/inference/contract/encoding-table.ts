import { readFileSync } from 'node:fs';
import { parse } from 'csv-parse/sync';
import { ModelFolderError, type Category } from './types.ts';

/** Categories of one input column, in the order of the file. */
export interface EncodedColumn {
  readonly column: number;
  readonly name: string;
  readonly categories: readonly Category[];
}

const needed = ['column', 'name', 'category', 'encoding'];

/**
 * Reads `encoding.csv` with the columns `column` (index of the feature), `name`, `category` and `encoding` in any order; other columns are
 * ignored.
 * @throws {ModelFolderError} naming file and line
 */
export function readEncodingTable(path: string): Map<number, EncodedColumn> {
  const columns = new Map<number, { column: number; name: string; categories: Category[] }>();
  const seen = new Set<string>();
  for (const [index, record] of readRecords(path).entries()) {
    const refuse = (cause: string) => new ModelFolderError(path, `line ${index + 2}: ${cause}`);
    const column = Number(record.column);
    const encoding = Number(record.encoding);
    const { name = '', category = '' } = record;
    if (!/^\d+$/.test(record.column ?? '')) throw refuse('column must be an index');
    if (record.encoding?.trim() === '' || !Number.isFinite(encoding)) throw refuse('encoding must be a number');
    if (name === '' || category === '') throw refuse('name or category is empty');
    const key = JSON.stringify([column, category.toLowerCase()]);
    if (seen.has(key))
      throw refuse(`the category "${category}" of column ${column} occurs twice (categories are case-insensitive)`);
    seen.add(key);
    const entry = columns.get(column) ?? { column, name, categories: [] };
    if (entry.name !== name) throw refuse(`column ${column} is called both "${entry.name}" and "${name}"`);
    entry.categories.push({ category, encoding });
    columns.set(column, entry);
  }
  return columns;
}

function readRecords(path: string): Record<string, string>[] {
  let rows: string[][];
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(path));
    rows = parse(text, { skip_empty_lines: true });
  } catch (cause) {
    throw ModelFolderError.of(path, cause);
  }
  const [header = [], ...body] = rows;
  const missing = needed.filter((name) => !header.includes(name));
  if (missing.length > 0) throw new ModelFolderError(path, `missing columns: ${missing.join(', ')}`);
  return body.map((cells) => Object.fromEntries(header.map((name, index) => [name, cells[index] ?? ''])));
}
