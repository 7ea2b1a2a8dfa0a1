import type { Feature } from './types.ts';

const shownCategories = 12;
const shownLength = 40;

/** Says in words why a cell was refused, for the caller who sent it. */
export function explainCell(
  feature: Feature,
  value: unknown,
  { min, max }: { min: number; max: number },
): string {
  if (value === undefined || value === null)
    return `${value === null ? 'null' : 'missing'}; ${expectation(feature)}`;
  if (feature.type === 'category') {
    const names = feature.categories.map(({ category }) => category);
    const rest = names.length > shownCategories ? `, ... (${names.length} in all)` : '';
    const list = names.slice(0, shownCategories).join(', ') + rest;
    if (typeof value === 'string') return `unknown category ${show(value)}; one of ${list}`;
    if (typeof value === 'number') return `${show(value)} is no code of this category`;
    return `${show(value)} is no category; one of ${list}`;
  }
  if (typeof value === 'number' && feature.type !== 'boolean') {
    if (value < min) return `${show(value)} is below ${min}`;
    if (value > max) return `${show(value)} is above ${max}`;
  }
  return `${show(value)}; ${expectation(feature)}`;
}

function expectation({ type }: Feature): string {
  switch (type) {
    case 'category':
      return 'expected a category';
    case 'boolean':
      return 'expected true or false';
    case 'integer':
      return 'expected an integer';
    default:
      return 'expected a finite number';
  }
}

/** A value as the caller wrote it, short enough for a message. */
function show(value: unknown): string {
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'an object';
  if (typeof value !== 'string') return `${value as number | boolean}`;
  const text = value.length > shownLength ? `${value.slice(0, shownLength)}...` : value;
  return JSON.stringify(text.toWellFormed());
}
