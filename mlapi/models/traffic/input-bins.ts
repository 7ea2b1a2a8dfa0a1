import { createHash } from 'node:crypto';
import type { FeatureReference } from '../../inference/contract/reference.ts';
import type { Contract } from '../../inference/contract/types.ts';
import type { Matrix } from '../../inference/tensors/types.ts';
import { binOf } from './bins.ts';

type WatchedContract = Pick<Contract, 'features' | 'reference'>;

interface ReferredFeature extends FeatureReference {
  readonly name: string;
  readonly column: number;
}

interface WatchedFeature extends ReferredFeature {
  readonly counts: number[];
}

/** Those that the contract has a reference of. */
function watchedFeatures({ features, reference = {} }: WatchedContract): ReferredFeature[] {
  return features.flatMap(({ name }, column) => {
    const found = Object.hasOwn(reference, name) ? reference[name] : undefined;
    return found === undefined ? [] : { ...found, name, column };
  });
}

/** Says what a contract's inputs are counted by: only counts of the same edges are comparable. */
export function edgesDigest(contract: WatchedContract): string {
  const edges = watchedFeatures(contract).map((feature) => [feature.name, feature.edges]);
  return createHash('sha256').update(JSON.stringify(edges)).digest('base64url').slice(0, 16);
}

/** Rows of one request that are looked at; of a larger one, some, evenly spread. */
const maxRows = 32;

/** Counts the bins into which the encoded features of a model's requests fall. */
export class InputBins {
  readonly #edges: string;
  readonly #features: readonly WatchedFeature[];
  #last: InputCounts | undefined;
  #rows = 0;

  constructor(contract: WatchedContract) {
    const features = watchedFeatures(contract);
    this.#edges = edgesDigest(contract);
    this.#features = features.map((feature) => ({ ...feature, counts: feature.shares.map(() => 0) }));
  }

  observe({ data, rows, width }: Matrix): void {
    if (this.#features.length === 0) return;
    const step = Math.ceil(rows / maxRows);
    // A random start, so that rows in a rhythm are not sampled at the same beat each time.
    for (let row = Math.floor(Math.random() * step); row < rows; row += step) {
      this.#rows += 1;
      for (const feature of this.#features)
        feature.counts[binOf(Number(data[row * width + feature.column]), feature)]! += 1;
    }
  }

  /** Since the period began. */
  get rows(): number {
    return this.#rows;
  }

  /** A new period. */
  begin(): void {
    this.#last = structuredClone(this.read());
    this.#rows = 0;
    for (const { counts } of this.#features) counts.fill(0);
  }

  /** Counts of this period and the last. */
  recent(): InputCounts {
    return addInputs(this.#last === undefined ? [this.read()] : [this.#last, this.read()]);
  }

  /** Counts of this period. */
  read(): InputCounts {
    return { edges: this.#edges, rows: this.#rows, bins: this.#features.map(({ counts }) => counts) };
  }
}

/** Counts of inputs, in the order of the reference's features. */
export interface InputCounts {
  /** The digest of those that it was counted by. */
  readonly edges: string;
  readonly rows: number;
  readonly bins: readonly (readonly number[])[];
}

/** Adds counts up that have the same edges. */
export function addInputs([first, ...others]: readonly [InputCounts, ...InputCounts[]]): InputCounts {
  let { rows } = first;
  const bins = first.bins.map((counts) => [...counts]);
  for (const other of others) {
    rows += other.rows;
    other.bins.forEach((counts, feature) => counts.forEach((count, bin) => (bins[feature]![bin]! += count)));
  }
  return { edges: first.edges, rows, bins };
}
