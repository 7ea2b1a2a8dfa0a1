import { invalidRows } from '../problems.ts';

/** The rows of a request, not validated. */
export interface RequestRows {
  readonly rows: readonly unknown[];
  /** RFC 6901 pointer to the rows in the body. */
  readonly pointer: string;
  /** RFC 6901 pointer to one row. */
  pointerTo(index: number): string;
}

/**
 * Finds the rows in a request body: a list of rows or one named row, bare or under `instances`.
 * @throws {Problem} 400 `invalid_rows`
 */
export function findRows(body: unknown): RequestRows {
  if (!isObject(body) || !Object.hasOwn(body, 'instances')) return findBareRows(body, '');
  if (Object.keys(body).length > 1) throw invalidRows([{ pointer: '', detail: '"instances" must be the only field' }]);
  return findBareRows(body.instances, '/instances');
}

function findBareRows(value: unknown, pointer: string): RequestRows {
  if (isObject(value)) return { rows: [value], pointer, pointerTo: () => pointer };
  if (!Array.isArray(value)) throw invalidRows([{ pointer, detail: 'expected a list of rows or one named row' }]);
  if (value.length === 0) throw invalidRows([{ pointer, detail: 'at least one row is required' }]);
  return { rows: value, pointer, pointerTo: (index) => `${pointer}/${index}` };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
