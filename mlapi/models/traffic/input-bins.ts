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

/** Returns the features for which the contract has a reference. */
function watchedFeatures({ features, reference = {} }: WatchedContract): ReferredFeature[] {
  return features.flatMap(({ name }, column) => {
    const found = Object.hasOwn(reference, name) ? reference[name] : undefined;
    return found === undefined ? [] : { ...found, name, column };
  });
}

/** Identifies the bin edges of a contract: only counts with equal edges are comparable. */
export function edgesDigest(contract: WatchedContract): string {
  const edges = watchedFeatures(contract).map((feature) => [feature.name, feature.edges]);
  return createHash('sha256').update(JSON.stringify(edges)).digest('base64url').slice(0, 16);
}

/** Most rows counted per request; of larger requests, evenly spread rows are sampled. */
const maxRows = 32;
/** Rows counted per second, about: beyond that, rows are drawn at random, so that watching costs the same at any load. */
const rowsPerSecond = 1_000;

/** Counts the encoded features of a model's requests by bin. */
export class InputBins {
  readonly #edges: string;
  readonly #features: readonly WatchedFeature[];
  #last: InputCounts | undefined;
  #rows = 0;
  /** End of the current second, by `performance.now()`. */
  #secondEndsMs = 0;
  #rowsThisSecond = 0;
  /** Share of the rows that is counted. */
  #share = 1;

  constructor(contract: WatchedContract) {
    const features = watchedFeatures(contract);
    this.#edges = edgesDigest(contract);
    this.#features = features.map((feature) => ({ ...feature, counts: feature.shares.map(() => 0) }));
  }

  /** @param nowMs by `performance.now()` */
  observe({ data, rows, width }: Matrix, nowMs: number): void {
    if (this.#features.length === 0) return;
    if (nowMs >= this.#secondEndsMs) this.#beginSecond(nowMs);
    const offered = Math.min(rows, maxRows);
    this.#rowsThisSecond += offered;
    const counted = this.#share === 1 ? offered : Math.floor(offered * this.#share + Math.random());
    if (counted === 0) return;
    const step = rows / counted;
    // Random offset, so that periodic rows are not always sampled at the same phase.
    for (let at = Math.random() * step; at < rows; at += step) {
      this.#rows += 1;
      const start = Math.floor(at) * width;
      for (const feature of this.#features) {
        const bin = binOf(Number(data[start + feature.column]), feature);
        feature.counts[bin] = feature.counts[bin]! + 1;
      }
    }
  }

  #beginSecond(nowMs: number): void {
    const isNext = nowMs < this.#secondEndsMs + 1_000;
    this.#share = isNext ? Math.min(1, rowsPerSecond / Math.max(1, this.#rowsThisSecond)) : 1;
    this.#rowsThisSecond = 0;
    this.#secondEndsMs = nowMs + 1_000;
  }

  /** Rows counted in this period. */
  get rows(): number {
    return this.#rows;
  }

  /** Starts a new period. */
  begin(): void {
    this.#last = structuredClone(this.read());
    this.#rows = 0;
    for (const { counts } of this.#features) counts.fill(0);
  }

  /** Counts of this period and the previous one. */
  recent(): InputCounts {
    return addInputs(this.#last === undefined ? [this.read()] : [this.#last, this.read()]);
  }

  /** Counts of this period. */
  read(): InputCounts {
    return { edges: this.#edges, rows: this.#rows, bins: this.#features.map(({ counts }) => counts) };
  }
}

/** Counts of inputs, in the order of the features with a reference. */
export interface InputCounts {
  /** Digest of the bin edges. */
  readonly edges: string;
  readonly rows: number;
  readonly bins: readonly (readonly number[])[];
}

/** Adds counts with equal edges. */
export function addInputs([first, ...others]: readonly [InputCounts, ...InputCounts[]]): InputCounts {
  let { rows } = first;
  const bins = first.bins.map((counts) => [...counts]);
  for (const other of others) {
    rows += other.rows;
    other.bins.forEach((counts, feature) => counts.forEach((count, bin) => (bins[feature]![bin]! += count)));
  }
  return { edges: first.edges, rows, bins };
}
