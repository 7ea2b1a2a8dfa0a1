import type { InputType, Matrix } from '../tensors/types.ts';

/** Encoded cells while a request is read: one number each. */
export type Cells = Float32Array | Float64Array | Int32Array;

/** Those of an int64 tensor become BigInts only when all of them stand. */
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

/** The first `rows` rows of the cells, as the tensor takes them. */
export function toMatrix(
  cells: Cells,
  { type, rows, width }: { type: InputType; rows: number; width: number },
): Matrix {
  const filled = cells.length === rows * width ? cells : cells.subarray(0, rows * width);
  return { data: type === 'int64' ? BigInt64Array.from(filled, BigInt) : filled, rows, width };
}
