import type { MetricSnapshot } from './metrics.ts';

type Labels = Readonly<Record<string, string>>;

/**
 * The cells of one metric, one per combination of label values. Callers keep the cell they got: counting is then an addition, whereas
 * prom-client builds and looks up a string each time.
 */
class Cells<Cell extends { readonly labels: Labels }> {
  readonly all: Cell[] = [];
  readonly #make: (labels: Labels) => Cell;

  constructor(make: (labels: Labels) => Cell) {
    this.#make = make;
  }

  /** Returns the cell of these labels, creating it if needed. Pass the labels in the same order each time. */
  of(labels: Labels): Cell {
    const values = Object.values(labels);
    const known = this.all.find((cell) => Object.values(cell.labels).every((value, index) => value === values[index]));
    if (known !== undefined) return known;
    const made = this.#make(labels);
    this.all.push(made);
    return made;
  }
}

/** A counter. */
export class CounterFamily {
  readonly #name: string;
  readonly #help: string;
  readonly #cells = new Cells((labels) => new CounterCell(labels));

  constructor(name: string, help: string) {
    this.#name = name;
    this.#help = help;
  }

  /** @param labels their values must come from a bounded set */
  cell(labels: Labels): CounterCell {
    return this.#cells.of(labels);
  }

  read(): MetricSnapshot {
    const values = this.#cells.all.map(({ labels, value }) => ({ labels, value }));
    return { name: this.#name, help: this.#help, type: 'counter', aggregator: 'sum', values };
  }
}

export class CounterCell {
  readonly labels: Labels;
  value = 0;

  constructor(labels: Labels) {
    this.labels = labels;
  }

  increment(by = 1): void {
    this.value += by;
  }
}

/** A histogram. */
export class HistogramFamily {
  readonly #name: string;
  readonly #help: string;
  readonly #bounds: readonly number[];
  readonly #cells: Cells<HistogramCell>;

  /** @param bounds upper bounds of the buckets, ascending */
  constructor(name: string, help: string, bounds: readonly number[]) {
    this.#name = name;
    this.#help = help;
    this.#bounds = bounds;
    this.#cells = new Cells((labels) => new HistogramCell(labels, bounds));
  }

  /** @param labels their values must come from a bounded set */
  cell(labels: Labels): HistogramCell {
    return this.#cells.of(labels);
  }

  read(): MetricSnapshot {
    const values = this.#cells.all.flatMap((cell) => {
      const { labels, sum } = cell;
      const counts = cell.cumulativeCounts();
      const buckets = counts.map((value, index) => ({
        labels: { ...labels, le: this.#bounds[index] ?? '+Inf' },
        value,
        metricName: `${this.#name}_bucket`,
      }));
      const total = { labels, value: sum, metricName: `${this.#name}_sum` };
      return [...buckets, total, { labels, value: counts.at(-1)!, metricName: `${this.#name}_count` }];
    });
    return { name: this.#name, help: this.#help, type: 'histogram', aggregator: 'sum', values };
  }
}

export class HistogramCell {
  readonly #bounds: readonly number[];
  /** One per bound, plus one for larger values. */
  readonly #counts: number[];
  readonly labels: Labels;
  sum = 0;

  constructor(labels: Labels, bounds: readonly number[]) {
    this.labels = labels;
    this.#bounds = bounds;
    this.#counts = new Array<number>(bounds.length + 1).fill(0);
  }

  /** Ignores negative values, NaN and infinities, which would corrupt the sum. */
  observe(value: number): void {
    if (!(value >= 0 && value < Infinity)) return;
    let index = 0;
    while (index < this.#bounds.length && value > this.#bounds[index]!) index += 1;
    this.#counts[index]! += 1;
    this.sum += value;
  }

  /** Number of values up to each bound, ascending, then the total. */
  cumulativeCounts(): number[] {
    let sum = 0;
    return this.#counts.map((count) => (sum += count));
  }
}
