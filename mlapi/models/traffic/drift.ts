import type { Contract } from '../../inference/contract/types.ts';
import type { InputCounts } from './input-bins.ts';

export interface FeatureDrift {
  readonly name: string;
  readonly psi: number;
}

/** Fewer say nothing: chance alone would look like drift. */
const fewestRows = 100;
/** An empty bin stands for a share this small, or one row would make an infinite index. */
const leastShare = 0.0001;

/**
 * The population stability index, sum of (actual - expected) * ln(actual / expected) over the bins. By a rule of thumb in credit
 * scoring (Siddiqi, Credit Risk Scorecards, 2006), below 0.1 nothing has changed, and above 0.25 much has.
 */
function stabilityIndex(counts: readonly number[], shares: readonly number[]): number {
  const total = counts.reduce((sum, count) => sum + count, 0);
  return shares.reduce((sum, share, bin) => {
    const actual = Math.max(leastShare, counts[bin]! / total);
    const expected = Math.max(leastShare, share);
    return sum + (actual - expected) * Math.log(actual / expected);
  }, 0);
}

/** Returns the drift of each feature of the reference, the most changed first; undefined while too few rows were seen. */
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
