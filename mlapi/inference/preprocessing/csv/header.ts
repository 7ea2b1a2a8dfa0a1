import { Problem, toPointer, type InputError } from '../../../http/problem.ts';
import { invalidRows } from '../../problems.ts';
import type { FeatureEncoder } from '../feature-encoder.ts';
import { shorten } from '../row-errors.ts';

/** A column of the CSV: what encodes its cells, and where they stand in a row of the matrix. */
export interface CsvColumn {
  readonly encoder: FeatureEncoder;
  readonly feature: number;
}

/** Finds the features that a header names, in any order; those that may be missing may be left out. @throws {Problem} 400 */
export function readHeader(names: readonly string[], encoders: readonly FeatureEncoder[]): CsvColumn[] {
  const features = new Map(encoders.map(({ feature }, index) => [feature.name, index]));
  const given = new Set<string>();
  for (const name of names) {
    if (given.has(name)) {
      const errors = [{ pointer: pointerTo(name), detail: 'stands there twice' }];
      throw new Problem(400, 'duplicate_key', 'The header names a column twice.', { errors });
    }
    given.add(name);
  }
  const errors: InputError[] = [];
  for (const encoder of encoders) {
    const { name } = encoder.feature;
    if (!given.has(name) && Number.isNaN(encoder.encode(undefined)))
      errors.push({ pointer: pointerTo(name), detail: 'missing; the model needs this column' });
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
