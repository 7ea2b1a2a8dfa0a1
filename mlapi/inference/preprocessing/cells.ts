import type { InputType, Matrix } from '../tensors/types.ts';

/** Encoded cells while a request is read, one number each. */
export type Cells = Float32Array | Float64Array | Int32Array;

/** Cells of an int64 tensor are converted to BigInt at the end, all at once. */
export function allocateCells(type: InputType, length: number): Cells {
  switch (type) {
    case 'float32':
      return new Float32Array(length);
    case 'int32':
      return new Int32Array(length);
    case 'float64':
    case 'int64':
      return new Float64Array(length);
  }
}

/** The first `rows` rows as a matrix with the element type of the tensor. */
export function toMatrix(
  cells: Cells,
  { type, rows, width }: { type: InputType; rows: number; width: number },
): Matrix {
  const filled = cells.length === rows * width ? cells : cells.subarray(0, rows * width);
  return { data: type === 'int64' ? BigInt64Array.from(filled, BigInt) : filled, rows, width };
}
