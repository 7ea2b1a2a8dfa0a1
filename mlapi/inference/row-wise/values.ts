/** How many elements an axis has; undefined where that is not known. */
export type Size = number | undefined;

/** The same in every run, whatever the rows are and however many. */
export interface Constant {
  readonly kind: 'constant';
  /** Undefined where not even its rank is known. */
  readonly sizes: readonly Size[] | undefined;
  /** Its values, where they are few and known. */
  readonly numbers?: readonly number[] | undefined;
}

/**
 * Entry i of axis 0 comes of row i of each input alone, for every number of rows; the rank and the other sizes are the same in every
 * run. All such values of a graph have as many entries as the request has rows: that is why they may meet element by element.
 */
export interface Rows {
  readonly kind: 'rows';
  /** The first is the number of rows, and undefined. */
  readonly sizes: readonly [undefined, ...Size[]];
}

/** One element per row, in their order, but lying in the shape [1, rows]. Scikit-learn's labels are, on their way out. */
export interface RowVector {
  readonly kind: 'row-vector';
}

/** Whatever it is: nothing is proved of it. */
export interface Unproved {
  readonly kind: 'unproved';
  readonly reason: string;
}

export type Value = Constant | Rows | RowVector | Unproved;

/** Why an operator's output is not proved to keep rows apart. */
export class NotRowWise extends Error {
  constructor(reason: string) {
    super(reason);
    this.name = 'NotRowWise';
  }
}

export function rowsOf(...sizes: readonly Size[]): Rows {
  return { kind: 'rows', sizes: [undefined, ...sizes] };
}

export function constantOf(sizes: readonly Size[] | undefined, numbers?: readonly number[]): Constant {
  return { kind: 'constant', sizes, numbers };
}

/** The number of elements; undefined where a size is. */
export function product(sizes: readonly Size[]): Size {
  let product = 1;
  for (const size of sizes) {
    if (size === undefined) return undefined;
    product *= size;
  }
  return product;
}
