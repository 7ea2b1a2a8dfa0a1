import type { FeatureReference } from '../../inference/reference.ts';
import type { Contract, Matrix } from '../../inference/types.ts';
import { binOf } from './bins.ts';

interface WatchedFeature extends FeatureReference {
  readonly column: number;
  readonly counts: number[];
}

/** Rows of one request that are looked at; of a larger one, some, evenly spread. */
const mostRows = 32;

/** Counts the bins into which the encoded features of a model's requests fall. */
export class InputBins {
  readonly #features: readonly WatchedFeature[];
  #last: InputCounts | undefined;
  #rows = 0;

  constructor({ features, reference = {} }: Pick<Contract, 'features' | 'reference'>) {
    this.#features = features.flatMap(({ name }, column) => {
      const found = Object.hasOwn(reference, name) ? reference[name] : undefined;
      return found === undefined ? [] : { ...found, column, counts: new Array<number>(found.shares.length).fill(0) };
    });
  }

  observe({ data, rows, width }: Matrix): void {
    if (this.#features.length === 0) return;
    const step = Math.ceil(rows / mostRows);
    // What comes in a rhythm is not met at the same beat each time.
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

  /** Of this period and the last. */
  recent(): InputCounts {
    return addInputs(this.#last === undefined ? [this.read()] : [this.#last, this.read()]);
  }

  /** Of this period. */
  read(): InputCounts {
    return { rows: this.#rows, bins: this.#features.map(({ counts }) => counts) };
  }
}

/** What was seen of inputs, in the order of the features that the reference has. */
export interface InputCounts {
  readonly rows: number;
  readonly bins: readonly (readonly number[])[];
}

/** Of one version. */
export function addInputs([first, ...others]: readonly InputCounts[]): InputCounts {
  if (first === undefined) return { rows: 0, bins: [] };
  let { rows } = first;
  const bins = first.bins.map((counts) => [...counts]);
  for (const other of others) {
    rows += other.rows;
    other.bins.forEach((counts, feature) => counts.forEach((count, bin) => (bins[feature]![bin]! += count)));
  }
  return { rows, bins };
}
