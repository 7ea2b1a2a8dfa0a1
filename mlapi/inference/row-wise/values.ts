/** Number of elements of an axis; undefined if unknown. */
export type Size = number | undefined;

/** A value that is the same in every run, whatever the rows. */
export interface Constant {
  readonly kind: 'constant';
  /** Undefined if not even the rank is known. */
  readonly sizes: readonly Size[] | undefined;
  /** Its values, if they are few and known. */
  readonly numbers?: readonly number[] | undefined;
}

/**
 * A value whose entry i on axis 0 depends only on row i of the inputs, for any number of rows; rank and other sizes are the same in every
 * run. All such values of a graph have as many entries as the request has rows, so element-wise operators may combine them.
 */
export interface Rows {
  readonly kind: 'rows';
  /** The first size is the number of rows, which is undefined. */
  readonly sizes: readonly [undefined, ...Size[]];
}

/** One element per row in order, but with shape [1, rows], as scikit-learn's labels are before the output. */
export interface RowVector {
  readonly kind: 'row-vector';
}

/** A value of which nothing is proved. */
export interface Unproved {
  readonly kind: 'unproved';
  readonly reason: string;
}

export type Value = Constant | Rows | RowVector | Unproved;

/** Why an operator's output is not proved row-wise. */
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

/** Returns the number of elements; undefined if a size is unknown. */
export function product(sizes: readonly Size[]): Size {
  let product = 1;
  for (const size of sizes) {
    if (size === undefined) return undefined;
    product *= size;
  }
  return product;
}
