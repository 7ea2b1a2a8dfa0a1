import type { Feature } from '../contract/types.ts';
import type { InputType } from '../tensors/types.ts';

/** Result of `encode` for a rejected cell; no valid cell encodes to NaN. */
const refused = NaN;

const safe = Number.MAX_SAFE_INTEGER;
const float32Max = 3.4028234663852886e38;

/** Range of each tensor type. */
const ranges: Readonly<Record<InputType, { min: number; max: number; isWhole: boolean }>> = {
  float32: { min: -float32Max, max: float32Max, isWhole: false },
  float64: { min: -Number.MAX_VALUE, max: Number.MAX_VALUE, isWhole: false },
  int32: { min: -(2 ** 31), max: 2 ** 31 - 1, isWhole: true },
  int64: { min: -safe, max: safe, isWhole: true },
};

/** Validates and encodes the cells of one feature. Everything that does not depend on the request is computed in the constructor. */
export class FeatureEncoder {
  readonly feature: Feature;
  /** The feature's type, or `integer` for a number in an integer tensor. */
  readonly type: Feature['type'];
  /** Bounds of the contract, the type and the tensor combined. */
  readonly min: number;
  readonly max: number;
  /** Code of an absent or null cell. */
  readonly #missing: number = refused;
  /** Codes by category (as written and in lower case) and by code: a number in such a cell is already encoded. */
  readonly #codes = new Map<unknown, number>();
  readonly #unknown: number = refused;

  /** @throws {Error} if a category or default of the contract does not fit the tensor's type */
  constructor(feature: Feature, tensor: InputType) {
    const range = ranges[tensor];
    const { min = -Infinity, max = Infinity } = 'min' in feature || 'max' in feature ? feature : {};
    this.feature = feature;
    this.type = feature.type === 'number' && range.isWhole ? 'integer' : feature.type;
    // Beyond 2^53, one JSON number denotes several integers.
    const whole = this.type === 'integer' ? safe : Infinity;
    this.min = Math.max(min, range.min, -whole);
    this.max = Math.min(max, range.max, whole);
    const refuse = (cause: string) => new Error(`feature "${feature.name}": ${cause}`);
    if (this.min > this.max) throw refuse(`its bounds contain no ${this.type}`);
    for (const { category, encoding } of feature.type === 'category' ? feature.categories : []) {
      if (!isTaken(encoding, this) || (range.isWhole && !Number.isInteger(encoding)))
        throw refuse(`the code ${encoding} does not fit the model's ${tensor} tensor`);
      for (const key of [category, category.toLowerCase(), encoding]) this.#codes.set(key, encoding);
    }
    if (feature.missing !== 'reject') {
      this.#missing = this.encode(feature.missing);
      if (Number.isNaN(this.#missing)) throw refuse(`"missing": ${feature.missing} is not a valid value`);
    }
    if (feature.type === 'category' && feature.unknown !== 'reject') {
      this.#unknown = this.encode(feature.unknown);
      if (Number.isNaN(this.#unknown)) throw refuse(`"unknown": ${feature.unknown} is not one of its categories`);
    }
  }

  /** Returns the code of a cell, or NaN if it is rejected. */
  encode(value: unknown): number {
    if (value === null || value === undefined) return this.#missing;
    switch (this.type) {
      case 'number':
        return isTaken(value, this) ? value : refused;
      case 'integer':
        return Number.isInteger(value) && isTaken(value, this) ? value : refused;
      case 'boolean':
        return value === true || value === 1 ? 1 : value === false || value === 0 ? 0 : refused;
      case 'category':
        return this.#codes.get(value) ?? this.#encodeOther(value);
    }
  }

  /** Matches case-insensitively, or returns the code for unknown categories. */
  #encodeOther(value: unknown): number {
    return typeof value === 'string' ? (this.#codes.get(value.toLowerCase()) ?? this.#unknown) : refused;
  }
}

/** Whether a value is a number within the bounds, which excludes NaN and infinities. */
function isTaken(value: unknown, { min, max }: { min: number; max: number }): value is number {
  return typeof value === 'number' && value >= min && value <= max;
}
