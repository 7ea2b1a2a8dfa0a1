import type { FeatureReference, Reference } from '../../inference/contract/reference.ts';
import type { Feature } from '../../inference/contract/types.ts';
import type { Matrix } from '../../inference/tensors/types.ts';
import { binOf } from './bins.ts';

/** Bins per number; fewer if there are very many features. */
const usualBins = 10;
/** Limit of a contract. */
const maxBins = 4_096;
const digits = 1e6;

/**
 * Makes a reference from rows. Numbers get bins with about equally many rows (tenths, or fewer if values repeat); all other features get
 * one bin per code.
 */
export function makeReference(features: readonly Feature[], { data, rows, width }: Matrix): Reference {
  const numberBins = Math.max(2, Math.min(usualBins, Math.floor(maxBins / features.length) - 1));
  const references = features.map(({ name, type }, column): [string, FeatureReference] => {
    const values = Float64Array.from({ length: rows }, (_, row) => Number(data[row * width + column])).sort();
    const isNumber = type === 'number' || type === 'integer';
    const ends = isNumber
      ? Array.from({ length: numberBins - 1 }, (_, tenth) => values[Math.ceil(((tenth + 1) / numberBins) * rows) - 1]!)
      : [...values];
    // The bin above the last edge is empty: it is for values not seen in training.
    const edges = [...new Set(ends)];
    return [name, { edges, shares: sharesOf(values, edges) }];
  });
  return Object.fromEntries(references);
}

function sharesOf(values: Float64Array, edges: readonly number[]): number[] {
  const counts = new Array<number>(edges.length + 1).fill(0);
  for (const value of values) counts[binOf(value, { edges })]! += 1;
  return counts.map((count) => Math.round((count / values.length) * digits) / digits);
}
