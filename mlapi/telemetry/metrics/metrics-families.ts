import type { MetricSnapshot } from './metrics.ts';

type Labels = Readonly<Record<string, string>>;

/**
 * The cells of one metric, one for each combination of label values. Whoever counts keeps the cell that it found: counting is then
 * an addition, where prom-client builds a string and looks it up for each value.
 */
class Cells<Cell extends { readonly labels: Labels }> {
  readonly all: Cell[] = [];
  readonly #make: (labels: Labels) => Cell;

  constructor(make: (labels: Labels) => Cell) {
    this.#make = make;
  }

  /** Finds the cell of these labels, or makes it. They come in the same order each time. */
  of(labels: Labels): Cell {
    const values = Object.values(labels);
    const known = this.all.find((cell) => Object.values(cell.labels).every((value, index) => value === values[index]));
    if (known !== undefined) return known;
    const made = this.#make(labels);
    this.all.push(made);
    return made;
  }
}

/** Counts that only grow. */
export class CounterFamily {
  readonly #name: string;
  readonly #help: string;
  readonly #cells = new Cells((labels) => new CounterCell(labels));

  constructor(name: string, help: string) {
    this.#name = name;
    this.#help = help;
  }

  /** @param labels their values come from a bounded set */
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

/** How often values fell between bounds. */
export class HistogramFamily {
  readonly #name: string;
  readonly #help: string;
  readonly #bounds: readonly number[];
  readonly #cells: Cells<HistogramCell>;

  /** @param bounds the upper ends of the buckets, ascending */
  constructor(name: string, help: string, bounds: readonly number[]) {
    this.#name = name;
    this.#help = help;
    this.#bounds = bounds;
    this.#cells = new Cells((labels) => new HistogramCell(labels, bounds));
  }

  /** @param labels their values come from a bounded set */
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
  /** One for each bound, and one for what is above them all. */
  readonly #counts: number[];
  readonly labels: Labels;
  sum = 0;

  constructor(labels: Labels, bounds: readonly number[]) {
    this.labels = labels;
    this.#bounds = bounds;
    this.#counts = new Array<number>(bounds.length + 1).fill(0);
  }

  /** Ignores values that are not numbers of 0 or more: they would spoil the sum for good. */
  observe(value: number): void {
    if (!(value >= 0 && value < Infinity)) return;
    let index = 0;
    while (index < this.#bounds.length && value > this.#bounds[index]!) index += 1;
    this.#counts[index]! += 1;
    this.sum += value;
  }

  /** How many values were at most each bound, in their order, and how many there were. */
  cumulativeCounts(): number[] {
    let sum = 0;
    return this.#counts.map((count) => (sum += count));
  }
}
