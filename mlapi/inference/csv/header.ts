import { Problem, toPointer, type InputError } from '../../http/problem.ts';
import { invalidRows } from '../problems.ts';
import type { FeatureEncoder } from '../preprocessing/feature-encoder.ts';
import { shorten } from '../preprocessing/row-errors.ts';

/** A column of the CSV: the encoder of its cells and its index among the features. */
export interface CsvColumn {
  readonly encoder: FeatureEncoder;
  readonly feature: number;
}

/**
 * Maps header names, in any order, to features. Columns with a default for missing cells may be absent.
 * @throws {Problem} 400 `duplicate_key`, `invalid_rows`
 */
export function readHeader(names: readonly string[], encoders: readonly FeatureEncoder[]): CsvColumn[] {
  const features = new Map(encoders.map(({ feature }, index) => [feature.name, index]));
  const given = new Set<string>();
  for (const name of names) {
    if (given.has(name)) {
      const errors = [{ pointer: pointerTo(name), detail: 'column is repeated' }];
      throw new Problem(400, 'duplicate_key', 'The CSV header repeats a column.', { errors });
    }
    given.add(name);
  }
  const errors: InputError[] = [];
  for (const encoder of encoders) {
    const { name } = encoder.feature;
    if (!given.has(name) && Number.isNaN(encoder.encode(undefined)))
      errors.push({ pointer: pointerTo(name), detail: 'missing; this column is required' });
  }
  for (const name of given)
    if (!features.has(name)) errors.push({ pointer: pointerTo(name), detail: 'not a feature of this model' });
  if (errors.length > 0) throw invalidRows(errors);
  return names.map((name) => {
    const feature = features.get(name)!;
    return { encoder: encoders[feature]!, feature };
  });
}

function pointerTo(name: string): string {
  return `/header${toPointer(shorten(name))}`;
}
