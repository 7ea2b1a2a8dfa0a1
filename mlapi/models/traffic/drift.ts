import type { Contract } from '../../inference/contract/types.ts';
import type { InputCounts } from './input-bins.ts';

export interface FeatureDrift {
  readonly name: string;
  readonly psi: number;
}

/** With fewer rows, chance would look like drift. */
const fewestRows = 100;
/** Share assumed for an empty bin: with zero, a single row would make the index infinite. */
const leastShare = 0.0001;

/**
 * Population stability index: sum of (actual - expected) * ln(actual / expected) over the bins. Rule of thumb (Siddiqi, Credit Risk
 * Scorecards, 2006): below 0.1 no change, above 0.25 a large one.
 */
function stabilityIndex(counts: readonly number[], shares: readonly number[]): number {
  const total = counts.reduce((sum, count) => sum + count, 0);
  return shares.reduce((sum, share, bin) => {
    const actual = Math.max(leastShare, counts[bin]! / total);
    const expected = Math.max(leastShare, share);
    return sum + (actual - expected) * Math.log(actual / expected);
  }, 0);
}

/** Returns the drift of each feature with a reference, largest first; undefined while there are too few rows. */
export function driftOf(
  { features, reference = {} }: Pick<Contract, 'features' | 'reference'>,
  { rows, bins }: InputCounts,
): FeatureDrift[] | undefined {
  const watched = features.filter(({ name }) => Object.hasOwn(reference, name));
  if (rows < fewestRows || bins.length !== watched.length) return undefined;
  return watched
    .map(({ name }, index) => ({ name, psi: stabilityIndex(bins[index]!, reference[name]!.shares) }))
    .sort((a, b) => b.psi - a.psi);
}
