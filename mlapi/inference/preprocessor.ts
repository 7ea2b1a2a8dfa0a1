import { Problem, type InputError } from '../http/problem.ts';
import { explainCell } from './cell-errors.ts';
import type { CategoryFeature, Feature, InputData, InputType, Matrix } from './types.ts';

const maxErrors = 20;
const float32Max = 3.4028234663852886e38;

const numberKind = 0;
const integerKind = 1;
const booleanKind = 2;
const categoryKind = 3;

/** Largest magnitude that the tensor's type holds without becoming another number. */
const magnitudes: Readonly<Record<InputType, number>> = {
  float32: float32Max,
  float64: Number.MAX_VALUE,
  int32: 2 ** 31 - 1,
  int64: Number.MAX_SAFE_INTEGER,
};

/** Refused cells are NaN, inside this file only: no cell that is taken is ever NaN. */
const refused = NaN;

/**
 * Turns request bodies into the tensor's buffer: each cell is validated and encoded in one pass, by a plan that is compiled
 * once per model. Rows come as lists in feature order or as named rows, one or many, bare or under `instances`.
 */
export class Preprocessor {
  readonly #features: readonly Feature[];
  readonly #type: InputType;
  readonly #maxRows: number;
  readonly #kinds: Uint8Array;
  readonly #mins: Float64Array;
  readonly #maxs: Float64Array;
  /** The code for an absent cell; NaN refuses it. */
  readonly #missing: Float64Array;
  readonly #categories: readonly (CategoryPlan | undefined)[];

  constructor(features: readonly Feature[], type: InputType, maxRows: number) {
    this.#features = features;
    this.#type = type;
    this.#maxRows = maxRows;
    const magnitude = magnitudes[type];
    this.#kinds = Uint8Array.from(features, (feature) => kindOf(feature, type));
    this.#mins = Float64Array.from(features, (feature) =>
      Math.max(('min' in feature ? feature.min : undefined) ?? -Infinity, -magnitude),
    );
    this.#maxs = Float64Array.from(features, (feature) =>
      Math.min(('max' in feature ? feature.max : undefined) ?? Infinity, magnitude),
    );
    this.#missing = Float64Array.from(features, missingCode);
    this.#categories = features.map((feature) =>
      feature.type === 'category' ? new CategoryPlan(feature) : undefined,
    );
  }

  /** @returns rows × features. @throws {Problem} 400 `invalid_rows` with a pointer for each wrong cell, 413 `too_many_rows` */
  preprocess(body: unknown): Matrix {
    const { rows, pointer, isSingle } = unwrap(body);
    if (rows.length > this.#maxRows) {
      throw new Problem(
        413,
        'too_many_rows',
        `A request may hold ${this.#maxRows} rows; this one holds ${rows.length}.`,
      );
    }
    const width = this.#features.length;
    const data = allocate(this.#type, rows.length * width);
    const errors: InputError[] = [];
    for (let index = 0; index < rows.length && errors.length < maxErrors; index += 1) {
      const row = rows[index];
      const rowPointer = isSingle ? pointer : `${pointer}/${index}`;
      if (Array.isArray(row)) this.#encodeList(row, data, index * width, rowPointer, errors);
      else if (typeof row === 'object' && row !== null)
        this.#encodeNamed(row as Record<string, unknown>, data, index * width, rowPointer, errors);
      else errors.push({ pointer: rowPointer, detail: 'a row is a list or an object' });
    }
    if (errors.length > 0) throw invalidRows(errors.slice(0, maxErrors));
    return { data, rows: rows.length, width };
  }

  #encodeList(
    row: readonly unknown[],
    data: InputData,
    offset: number,
    pointer: string,
    errors: InputError[],
  ): void {
    const width = this.#features.length;
    if (row.length !== width) {
      errors.push({ pointer, detail: `a row has ${width} cells; this one has ${row.length}` });
      return;
    }
    for (let column = 0; column < width; column += 1) {
      const value = row[column];
      const code = this.#encodeCell(column, value);
      if (Number.isNaN(code)) this.#explain(column, value, pointer, errors);
      else store(data, offset + column, code);
    }
  }

  #encodeNamed(
    row: Record<string, unknown>,
    data: InputData,
    offset: number,
    pointer: string,
    errors: InputError[],
  ): void {
    const width = this.#features.length;
    let found = 0;
    for (let column = 0; column < width; column += 1) {
      const { name } = this.#features[column]!;
      const isGiven = Object.hasOwn(row, name);
      if (isGiven) found += 1;
      const value = isGiven ? row[name] : undefined;
      const code = this.#encodeCell(column, value);
      if (Number.isNaN(code)) this.#explain(column, value, pointer, errors);
      else store(data, offset + column, code);
    }
    const names = Object.keys(row);
    if (names.length === found) return;
    const known = new Set(this.#features.map(({ name }) => name));
    for (const name of names)
      if (!known.has(name))
        errors.push({ pointer: pointer + escape(name.slice(0, 64)), detail: 'not a feature of this model' });
  }

  /** The number that stands for a cell, or NaN if it is refused. */
  #encodeCell(column: number, value: unknown): number {
    if (value === null || value === undefined) return this.#missing[column]!;
    switch (this.#kinds[column]) {
      case numberKind:
        return this.#isInBounds(column, value) ? value : refused;
      case integerKind:
        return this.#isInBounds(column, value) && Number.isSafeInteger(value) ? value : refused;
      case booleanKind:
        return value === true || value === 1 ? 1 : value === false || value === 0 ? 0 : refused;
      default:
        return this.#categories[column]!.encode(value);
    }
  }

  #isInBounds(column: number, value: unknown): value is number {
    return typeof value === 'number' && value >= this.#mins[column]! && value <= this.#maxs[column]!;
  }

  #explain(column: number, value: unknown, pointer: string, errors: InputError[]): void {
    const feature = this.#features[column]!;
    const bounds = { min: this.#mins[column]!, max: this.#maxs[column]! };
    errors.push({ pointer: pointer + escape(feature.name), detail: explainCell(feature, value, bounds) });
  }
}

/** A category's codes by its spellings: the exact ones first, any other case after. */
class CategoryPlan {
  readonly #codes = new Map<string, number>();
  readonly #known: ReadonlySet<number>;
  readonly #unknown: number;

  constructor({ categories, unknown }: CategoryFeature) {
    for (const { category, encoding } of categories) {
      for (const spelling of [category.toLowerCase(), category.toUpperCase(), category])
        this.#codes.set(spelling, encoding);
    }
    this.#known = new Set(categories.map(({ encoding }) => encoding));
    this.#unknown = unknown === 'reject' ? refused : codeOf(categories, unknown);
  }

  /** A number is taken as already encoded, and must be one of the codes. */
  encode(value: unknown): number {
    if (typeof value === 'string')
      return this.#codes.get(value) ?? this.#codes.get(value.toLowerCase()) ?? this.#unknown;
    return typeof value === 'number' && this.#known.has(value) ? value : refused;
  }
}

function codeOf(categories: CategoryFeature['categories'], name: string): number {
  return categories.find(({ category }) => category === name)?.encoding ?? refused;
}

function kindOf({ type }: Feature, tensor: InputType): number {
  if (type === 'category') return categoryKind;
  if (type === 'boolean') return booleanKind;
  return type === 'integer' || tensor === 'int32' || tensor === 'int64' ? integerKind : numberKind;
}

function missingCode(feature: Feature): number {
  if (feature.missing === 'reject') return refused;
  return feature.type === 'category' ? codeOf(feature.categories, feature.missing) : Number(feature.missing);
}

interface Rows {
  readonly rows: readonly unknown[];
  /** Where the rows stand in the body. */
  readonly pointer: string;
  readonly isSingle: boolean;
}

function unwrap(body: unknown): Rows {
  if (isObject(body) && Object.hasOwn(body, 'instances')) {
    if (Object.keys(body).length > 1)
      throw invalidRows([{ pointer: '', detail: '"instances" must stand alone' }]);
    return unwrapRows(body.instances, '/instances');
  }
  return unwrapRows(body, '');
}

function unwrapRows(value: unknown, pointer: string): Rows {
  if (isObject(value)) return { rows: [value], pointer, isSingle: true };
  if (!Array.isArray(value))
    throw invalidRows([{ pointer, detail: 'the rows are a list of rows, or one named row' }]);
  if (value.length === 0) throw invalidRows([{ pointer, detail: 'there must be at least one row' }]);
  return { rows: value, pointer, isSingle: false };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function allocate(type: InputType, length: number): InputData {
  switch (type) {
    case 'float32':
      return new Float32Array(length);
    case 'float64':
      return new Float64Array(length);
    case 'int32':
      return new Int32Array(length);
    case 'int64':
      return new BigInt64Array(length);
  }
}

function store(data: InputData, at: number, code: number): void {
  if (data instanceof BigInt64Array) data[at] = BigInt(code);
  else data[at] = code;
}

/** RFC 6901. */
function escape(name: string): string {
  return `/${name.replace(/~/g, '~0').replace(/\//g, '~1')}`;
}

function invalidRows(errors: readonly InputError[]): Problem {
  return new Problem(400, 'invalid_rows', 'The rows do not fit the contract of the model.', { errors });
}
