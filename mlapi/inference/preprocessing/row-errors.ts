import { toPointer, type InputError } from '../../http/problem.ts';
import type { Feature } from '../contract/types.ts';
import type { FeatureEncoder } from './feature-encoder.ts';

const shownCategories = 12;
const shownLength = 40;

const expected: Readonly<Record<Feature['type'], string>> = {
  number: 'a finite number',
  integer: 'an integer',
  boolean: 'true or false',
  category: 'a category',
};

/**
 * Explains why a row was rejected: its cells in feature order, then unknown names. Pointers (RFC 6901) name the feature, for named rows and
 * lists alike.
 * @param pointer pointer to the row in the body
 * @param most maximum number of errors
 */
export function explainRow(
  row: unknown,
  encoders: readonly FeatureEncoder[],
  { pointer, most }: { pointer: string; most: number },
): InputError[] {
  if (typeof row !== 'object' || row === null) return [{ pointer, detail: 'a row must be a list or an object' }];
  if (Array.isArray(row) && row.length !== encoders.length)
    return [{ pointer, detail: `expected ${encoders.length} cells, got ${row.length}` }];
  const errors: InputError[] = [];
  const known = new Set<string>();
  for (const [at, encoder] of encoders.entries()) {
    const { name } = encoder.feature;
    known.add(name);
    if (errors.length >= most) continue;
    const value = Array.isArray(row) ? (row[at] as unknown) : ownValue(row, name);
    if (Number.isNaN(encoder.encode(value)))
      errors.push({ pointer: pointer + toPointer(name), detail: explainCell(encoder, value) });
  }
  if (Array.isArray(row)) return errors;
  // One by one, because there may be very many.
  for (const name in row) {
    if (errors.length >= most) break;
    if (!known.has(name))
      errors.push({ pointer: pointer + toPointer(shorten(name)), detail: 'not a feature of this model' });
  }
  return errors;
}

/** Names may be anything, including `constructor`. */
function ownValue(row: object, name: string): unknown {
  return Object.hasOwn(row, name) ? (row as Record<string, unknown>)[name] : undefined;
}

function explainCell({ feature, type, min, max }: FeatureEncoder, value: unknown): string {
  if (value === undefined) return `missing; expected ${expected[type]}`;
  if (value === null) return `null; expected ${expected[type]}`;
  if (feature.type === 'category') {
    const { length } = feature.categories;
    const rest = length > shownCategories ? `, ... (${length} in all)` : '';
    const shown = feature.categories.slice(0, shownCategories).map(({ category }) => category);
    const list = shown.join(', ') + rest;
    if (typeof value === 'string') return `unknown category ${show(value)}; expected one of ${list}`;
    if (typeof value === 'number') return `${show(value)} is not a code of this category`;
    return `${show(value)} is not a category; expected one of ${list}`;
  }
  if (typeof value === 'number' && type !== 'boolean') {
    if (value < min) return `${show(value)} is below ${min}`;
    if (value > max) return `${show(value)} is above ${max}`;
  }
  return `${show(value)}; expected ${expected[type]}`;
}

/** Returns a value as the caller wrote it, shortened for a message. */
function show(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(shorten(value));
  if (typeof value === 'object') return Array.isArray(value) ? 'a list' : 'an object';
  return `${value as number | boolean}`;
}

/** Returns the beginning of a client's text, since error messages must be short. */
export function shorten(text: string): string {
  return (text.length > shownLength ? `${text.slice(0, shownLength)}...` : text).toWellFormed();
}
