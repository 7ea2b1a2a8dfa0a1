import type { InputData, Matrix, RunInput } from '../tensors/types.ts';
import type { Slice } from './waiting-request.ts';

/** Copies the rows of several requests into one reused buffer. */
export class RowBuffer {
  #cells: InputData = new Float32Array(0);

  /** Valid until the next call. Tensor requests always run alone and are returned as they are. */
  join(slices: readonly Slice[]): RunInput {
    const first = slices[0]!;
    const { input } = first.request;
    if (input.tensors !== undefined) return input;
    const { data, width } = input;
    if (slices.length === 1) return view(data, first, width);
    let rows = 0;
    for (const slice of slices) rows += slice.rows;
    this.#reserve(rows * width, data);
    let at = 0;
    for (const slice of slices) {
      this.#cells.set(view((slice.request.input as Matrix).data, slice, width).data as never, at);
      at += slice.rows * width;
    }
    return { data: this.#cells.subarray(0, at), rows, width };
  }

  /** Ensures room for `length` cells of the type of `like`. */
  #reserve(length: number, like: InputData): void {
    if (this.#cells.length >= length && this.#cells.constructor === like.constructor) return;
    const Cells = like.constructor as new (length: number) => InputData;
    this.#cells = new Cells(2 ** Math.ceil(Math.log2(length)));
  }
}

function view(data: InputData, { from, rows }: Slice, width: number): Matrix {
  const isWhole = rows * width === data.length;
  return { data: isWhole ? data : data.subarray(from * width, (from + rows) * width), rows, width };
}
