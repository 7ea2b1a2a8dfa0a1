import { maxInputErrors, type InputError, type Problem } from '../../http/problem.ts';
import type { Feature } from '../contract/types.ts';
import { invalidRows, tooManyRows } from '../problems.ts';
import type { InputType, Matrix } from '../tensors/types.ts';
import { allocateCells, toMatrix, type Cells } from './cells.ts';
import { FeatureEncoder } from './feature-encoder.ts';
import { findRows, type RequestRows } from './request-rows.ts';
import { explainRow } from './row-errors.ts';

/** Constraints on a parser of streamed rows. */
export interface RowOptions {
  readonly type: InputType;
  readonly maxRows: number;
  /** Reserves memory in bytes. @throws {Problem} 503 if there is none */
  readonly hold: (bytes: number) => void;
}

/**
 * Turns request bodies into the model's input tensor. Rows are validated and encoded in one pass; only a rejected row is walked again, to
 * explain why.
 * @example
 * const age: Feature = { name: 'age', type: 'integer', min: 0, max: 120, missing: 'reject' };
 * const income: Feature = { name: 'income', type: 'number', missing: 0 };
 * const preprocessor = new Preprocessor([age, income], 'float32', 1_000);
 * preprocessor.preprocess([[42, 1_234.5], { age: 30 }]); // { data: Float32Array [42, 1234.5, 30, 0], rows: 2, width: 2 }
 */
export class Preprocessor {
  readonly #encoders: readonly FeatureEncoder[];
  readonly #type: InputType;
  readonly #maxRows: number;

  /**
   * @param type element type of the input tensor
   * @param maxRows most rows of one request
   * @throws {Error} if a feature does not fit the tensor's type
   */
  constructor(features: readonly Feature[], type: InputType, maxRows: number) {
    this.#encoders = features.map((feature) => new FeatureEncoder(feature, type));
    this.#type = type;
    this.#maxRows = maxRows;
  }

  /**
   * @param body a list of rows or one named row, bare or as `{ instances }`
   * @returns a matrix of shape [rows, features]
   * @throws {Problem} 413 `too_many_rows`, 400 `invalid_rows` with a pointer for each wrong cell
   */
  preprocess(body: unknown): Matrix {
    const found = findRows(body);
    const { length } = found.rows;
    if (length > this.#maxRows) throw tooManyRows(this.#maxRows, length);
    const width = this.#encoders.length;
    const cells = allocateCells(this.#type, length * width);
    for (let index = 0; index < length; index += 1)
      if (!this.#encodeRow(found.rows[index], cells, index * width)) throw this.#explain(found, index);
    return toMatrix(cells, { type: this.#type, rows: length, width });
  }

  /** Opens a parser of rows that arrive as a stream. */
  open<Parser>(
    read: (encoders: readonly FeatureEncoder[], options: RowOptions) => Parser,
    hold: RowOptions['hold'],
  ): Parser {
    return read(this.#encoders, { type: this.#type, maxRows: this.#maxRows, hold });
  }

  #encodeRow(row: unknown, cells: Cells, offset: number): boolean {
    if (Array.isArray(row)) return this.#encodeList(row, cells, offset);
    return typeof row === 'object' && row !== null && this.#encodeNamed(row, cells, offset);
  }

  #encodeList(row: readonly unknown[], cells: Cells, offset: number): boolean {
    const encoders = this.#encoders;
    if (row.length !== encoders.length) return false;
    for (let column = 0; column < encoders.length; column += 1) {
      const code = encoders[column]!.encode(row[column]);
      if (Number.isNaN(code)) return false;
      cells[offset + column] = code;
    }
    return true;
  }

  #encodeNamed(row: object, cells: Cells, offset: number): boolean {
    const encoders = this.#encoders;
    const names = Object.keys(row);
    let given = 0;
    for (let column = 0; column < encoders.length; column += 1) {
      const encoder = encoders[column]!;
      const { name } = encoder.feature;
      // Own names only: a feature may be called "constructor". Most callers keep the feature order, which the first comparison speeds up.
      const isGiven = names[column] === name || Object.hasOwn(row, name);
      const code = encoder.encode(isGiven ? (row as Record<string, unknown>)[name] : undefined);
      if (Number.isNaN(code)) return false;
      if (isGiven) given += 1;
      cells[offset + column] = code;
    }
    return names.length === given;
  }

  /** Returns the mistakes from the first rejected row on, in row order, at most 20. */
  #explain(found: RequestRows, first: number): Problem {
    const { rows, pointer } = found;
    // A single bare row: every cell would be reported as a row.
    if (rows.every(isCell))
      return invalidRows([{ pointer, detail: 'Expected a list of rows; got a single row. Send [[...]].' }]);
    const errors: InputError[] = [];
    for (let index = first; index < rows.length && errors.length < maxInputErrors; index += 1) {
      const wanted = { pointer: found.pointerTo(index), most: maxInputErrors - errors.length };
      errors.push(...explainRow(rows[index], this.#encoders, wanted));
    }
    return invalidRows(errors);
  }
}

function isCell(value: unknown): boolean {
  return typeof value !== 'object' || value === null;
}
