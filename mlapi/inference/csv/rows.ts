import { maxInputErrors, Problem, toPointer, type InputError } from '../../http/problem.ts';
import { invalidRows, tooManyRows } from '../problems.ts';
import type { RowOptions } from '../preprocessing/preprocessor.ts';
import type { Matrix } from '../tensors/types.ts';
import { allocateCells, toMatrix, type Cells } from '../preprocessing/cells.ts';
import type { FeatureEncoder } from '../preprocessing/feature-encoder.ts';
import { explainRow } from '../preprocessing/row-errors.ts';
import { CellReader, readCell } from './cells.ts';
import { readHeader, type CsvColumn } from './header.ts';
import { CsvRecords } from './records.ts';
import { CsvFault, splitRecord } from './text.ts';

const quote = 0x22;
const comma = 0x2c;
const firstRows = 64;
/** Limit of a record in bytes: this many per cell, and for some spare cells. */
const cellBytes = 1_024;
const spareCells = 16;
const lostBreaks = 'Were line breaks lost? curl drops them with -d: use --data-binary.';
const oneLine = `The CSV is a single line, so it has no rows. ${lostBreaks}`;
const longHeader = `The header of the CSV is too long for this model. ${lostBreaks}`;
const noRows = { pointer: '', detail: 'at least one row is required' };
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Turns CSV into the model's input tensor while its bytes arrive: a header, then rows. Valid rows are encoded straight from bytes. Only
 * other rows are decoded as text, and get the same error messages as in JSON.
 */
export class CsvRows {
  readonly #encoders: readonly FeatureEncoder[];
  readonly #options: RowOptions;
  readonly #records: CsvRecords;
  readonly #reader = new CellReader();
  /** A row of missing cells, for columns that the header leaves out. */
  readonly #blank: Cells;
  readonly #errors: InputError[] = [];
  #columns: readonly CsvColumn[] | undefined;
  #cells: Cells;
  #rows = 0;

  constructor(encoders: readonly FeatureEncoder[], options: RowOptions) {
    const { type, hold } = options;
    const maxBytes = cellBytes * (encoders.length + spareCells);
    this.#encoders = encoders;
    this.#options = options;
    this.#blank = allocateCells(type, encoders.length);
    for (const [index, encoder] of encoders.entries()) this.#blank[index] = encoder.encode(undefined);
    this.#cells = allocateCells(type, 0);
    this.#records = new CsvRecords(
      {
        take: (bytes, start, end) => this.#take(bytes, start, end),
        refuse: (bytes, reason) => this.#refuse(bytes, reason),
      },
      { maxBytes, hold },
    );
  }

  /** @throws {Problem} 413 `too_many_rows`, `row_too_large`; 400 `invalid_csv`, `duplicate_key`, `invalid_rows` */
  write(chunk: Buffer): void {
    this.#records.write(chunk);
  }

  /** @throws {Problem} as `write` */
  end(): Matrix {
    this.#endRecords();
    if (this.#columns === undefined) throw invalidCsv([{ pointer: '/header', detail: 'a header is required' }]);
    if (this.#errors.length > 0) throw invalidRows(this.#errors);
    if (this.#rows === 0) throw invalidRows([noRows]);
    return toMatrix(this.#cells, { type: this.#options.type, rows: this.#rows, width: this.#encoders.length });
  }

  #take(bytes: Buffer, start: number, end: number): void {
    if (this.#columns === undefined) {
      this.#columns = readHeader(this.#split(bytes, hasBom(bytes, start) ? start + 3 : start, end), this.#encoders);
      return;
    }
    if (this.#rows === this.#options.maxRows) throw tooManyRows(this.#options.maxRows);
    this.#reserveRow();
    if (!this.#encodeBytes(this.#columns, bytes, start, end)) this.#readText(this.#columns, bytes, start, end);
    this.#rows += 1;
  }

  /** If the header is the last line, there are no rows; report that first, since other errors may follow from it. */
  #endRecords(): void {
    const isOneLine = this.#columns === undefined;
    try {
      this.#records.end();
    } catch (error) {
      if (!isOneLine || !(error instanceof Problem)) throw error;
      throw new Problem(error.status, error.code, oneLine, { errors: error.errors ?? [] });
    }
    if (isOneLine && this.#columns !== undefined) throw invalidRows([noRows], oneLine);
  }

  #reserveRow(): void {
    const width = this.#encoders.length;
    const offset = this.#rows * width;
    if (offset === this.#cells.length) {
      const { type, maxRows, hold } = this.#options;
      const rows = Math.min(maxRows, Math.max(firstRows, 2 * this.#rows));
      hold((rows - this.#rows) * width * this.#cells.BYTES_PER_ELEMENT);
      const larger = allocateCells(type, rows * width);
      larger.set(this.#cells);
      this.#cells = larger;
    }
    if (this.#columns!.length < width) this.#cells.set(this.#blank, offset);
  }

  /** @returns false if a cell is not plain or is rejected */
  #encodeBytes(columns: readonly CsvColumn[], bytes: Buffer, start: number, end: number): boolean {
    const reader = this.#reader;
    const offset = this.#rows * this.#encoders.length;
    const last = columns.length - 1;
    reader.open(bytes, start);
    for (let at = 0; at <= last; at += 1) {
      const { encoder, feature } = columns[at]!;
      const isQuoted = reader.skip(quote);
      const code = encodeCell(encoder, reader);
      if (Number.isNaN(code) || (isQuoted && !reader.skip(quote))) return false;
      this.#cells[offset + feature] = code;
      if (at < last && !reader.skip(comma)) return false;
    }
    return reader.at === end;
  }

  #readText(columns: readonly CsvColumn[], bytes: Buffer, start: number, end: number): void {
    const texts = this.#split(bytes, start, end);
    const pointer = `/${this.#rows}`;
    if (texts.length !== columns.length) {
      const detail = `expected ${columns.length} cells as in the header, got ${texts.length}`;
      this.#addErrors([{ pointer, detail }]);
      return;
    }
    const values: unknown[] = this.#encoders.map(() => undefined);
    let isTaken = true;
    for (const [at, { encoder, feature }] of columns.entries()) {
      const value = readCell(texts[at]!, encoder.type);
      const code = encoder.encode(value);
      values[feature] = value;
      this.#cells[this.#rows * this.#encoders.length + feature] = code;
      isTaken &&= !Number.isNaN(code);
    }
    if (isTaken) return;
    this.#addErrors(explainRow(values, this.#encoders, { pointer, most: maxInputErrors }));
  }

  /** Stops reading at the maximum number of reported errors. */
  #addErrors(errors: readonly InputError[]): void {
    this.#errors.push(...errors);
    if (this.#errors.length >= maxInputErrors) throw invalidRows(this.#errors);
  }

  #split(bytes: Buffer, start: number, end: number): string[] {
    try {
      return splitRecord(utf8.decode(bytes.subarray(start, end)));
    } catch (error) {
      if (error instanceof CsvFault) throw this.#malformed(error);
      throw invalidCsv([{ pointer: this.#pointer, detail: 'not UTF-8' }]);
    }
  }

  #refuse(bytes: Buffer, reason: 'endless' | 'unbalanced'): never {
    try {
      splitRecord(bytes.toString());
    } catch (error) {
      if (error instanceof CsvFault && (reason === 'unbalanced' || !error.isOpen)) throw this.#malformed(error);
    }
    const errors = [{ pointer: this.#pointer, detail: `longer than ${bytes.length} bytes` }];
    const message = this.#columns === undefined ? longHeader : 'A row of the CSV is too long for this model.';
    throw new Problem(413, 'row_too_large', message, { errors });
  }

  /** RFC 6901 pointer to the current record. */
  get #pointer(): string {
    return this.#columns === undefined ? '/header' : `/${this.#rows}`;
  }

  #malformed({ column, message }: CsvFault): Problem {
    const name = this.#columns?.[column]?.encoder.feature.name;
    const where = name === undefined ? ` (cell ${column + 1})` : '';
    return invalidCsv([
      { pointer: this.#pointer + (name === undefined ? '' : toPointer(name)), detail: message + where },
    ]);
  }
}

function encodeCell(encoder: FeatureEncoder, reader: CellReader): number {
  if (encoder.type !== 'category') {
    const number = reader.readNumber();
    if (!Number.isNaN(number)) return encoder.encode(number);
  }
  return encoder.encode(readCell(reader.readText(), encoder.type));
}

function invalidCsv(errors: readonly InputError[]): Problem {
  return new Problem(400, 'invalid_csv', 'The body is not valid CSV in UTF-8.', { errors });
}

function hasBom(bytes: Buffer, start: number): boolean {
  return bytes[start] === 0xef && bytes[start + 1] === 0xbb && bytes[start + 2] === 0xbf;
}
