import { maxInputErrors, type InputError, type Problem } from '../../http/problem.ts';
import type { Feature } from '../contract/types.ts';
import { invalidRows, tooManyRows } from '../problems.ts';
import type { InputType, Matrix } from '../tensors/types.ts';
import { allocateCells, toMatrix, type Cells } from './cells.ts';
import { CsvRows } from './csv/rows.ts';
import { FeatureEncoder } from './feature-encoder.ts';
import { findRows, type RequestRows } from './request-rows.ts';
import { explainRow } from './row-errors.ts';

/**
 * Turns request bodies into the tensor's buffer. A row that the contract takes is validated and encoded in one pass; only a
 * refused one is walked again, to say why.
 */
export class Preprocessor {
  readonly #encoders: readonly FeatureEncoder[];
  readonly #type: InputType;
  readonly #maxRows: number;

  /** @throws if a feature's contract does not fit the tensor's type */
  constructor(features: readonly Feature[], type: InputType, maxRows: number) {
    this.#encoders = features.map((feature) => new FeatureEncoder(feature, type));
    this.#type = type;
    this.#maxRows = maxRows;
  }

  /** @returns rows × features. @throws {Problem} 413 `too_many_rows`, 400 `invalid_rows` with a pointer for each wrong cell */
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

  /** The same for CSV, as its bytes come. @param hold asks for memory, and throws where there is none to have */
  csvRows(hold: (bytes: number) => void): CsvRows {
    return new CsvRows(this.#encoders, { type: this.#type, maxRows: this.#maxRows, hold });
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
      // Own names only: a feature may be called "constructor". Most callers keep the order of the features.
      const isGiven = names[column] === name || Object.hasOwn(row, name);
      const code = encoder.encode(isGiven ? (row as Record<string, unknown>)[name] : undefined);
      if (Number.isNaN(code)) return false;
      if (isGiven) given += 1;
      cells[offset + column] = code;
    }
    return names.length === given;
  }

  /** The mistakes from the first refused row on, in the order of the rows, at most 20. */
  #explain(found: RequestRows, first: number): Problem {
    const { rows, pointer } = found;
    // The cells of one row, which would each be refused as a row.
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
