import type { FeatureReference } from '../../inference/contract/reference.ts';

/** Returns the index of the bin that contains a value. */
export function binOf(value: number, { edges: ends }: Pick<FeatureReference, 'edges'>): number {
  let low = 0;
  let high = ends.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (value <= ends[middle]!) high = middle;
    else low = middle + 1;
  }
  return low;
}
