import type { Feature } from '../contract/types.ts';
import type { InputType } from '../tensors/types.ts';

/** Result of `encode` for a cell that the contract refuses: no accepted cell is ever NaN. */
const refused = NaN;

const safe = Number.MAX_SAFE_INTEGER;
const float32Max = 3.4028234663852886e38;

/** The numbers that the tensor's type takes. */
const ranges: Readonly<Record<InputType, { min: number; max: number; isWhole: boolean }>> = {
  float32: { min: -float32Max, max: float32Max, isWhole: false },
  float64: { min: -Number.MAX_VALUE, max: Number.MAX_VALUE, isWhole: false },
  int32: { min: -(2 ** 31), max: 2 ** 31 - 1, isWhole: true },
  int64: { min: -safe, max: safe, isWhole: true },
};

/** Validates and encodes the cells of one feature: everything that a request does not change is worked out here, once. */
export class FeatureEncoder {
  readonly feature: Feature;
  /** As the feature's, but an integer where the tensor takes no other numbers. */
  readonly type: Feature['type'];
  /** The bounds of contract, type and tensor together. */
  readonly min: number;
  readonly max: number;
  /** The number for an absent or null cell. */
  readonly #missing: number = refused;
  /** Codes by category, as written and in lower case, and by themselves: a number in such a cell is already encoded. */
  readonly #codes = new Map<unknown, number>();
  readonly #unknown: number = refused;

  /** @throws if the contract has the tensor hold a number that its type does not take */
  constructor(feature: Feature, tensor: InputType) {
    const range = ranges[tensor];
    const { min = -Infinity, max = Infinity } = 'min' in feature || 'max' in feature ? feature : {};
    this.feature = feature;
    this.type = feature.type === 'number' && range.isWhole ? 'integer' : feature.type;
    // Beyond 2^53, JSON's numbers stand for several integers at once.
    const whole = this.type === 'integer' ? safe : Infinity;
    this.min = Math.max(min, range.min, -whole);
    this.max = Math.min(max, range.max, whole);
    const refuse = (cause: string) => new Error(`feature "${feature.name}": ${cause}`);
    if (this.min > this.max) throw refuse(`no ${this.type} is within its bounds`);
    for (const { category, encoding } of feature.type === 'category' ? feature.categories : []) {
      if (!isTaken(encoding, this) || (range.isWhole && !Number.isInteger(encoding)))
        throw refuse(`the model's ${tensor} tensor takes no code ${encoding}`);
      for (const key of [category, category.toLowerCase(), encoding]) this.#codes.set(key, encoding);
    }
    if (feature.missing !== 'reject') {
      this.#missing = this.encode(feature.missing);
      if (Number.isNaN(this.#missing)) throw refuse(`"missing": ${feature.missing} is no value that it takes`);
    }
    if (feature.type === 'category' && feature.unknown !== 'reject') {
      this.#unknown = this.encode(feature.unknown);
      if (Number.isNaN(this.#unknown)) throw refuse(`"unknown": ${feature.unknown} is none of its categories`);
    }
  }

  /** The number that stands for a cell, or NaN if it is refused. */
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

  /** A category in another case, or an unknown one. */
  #encodeOther(value: unknown): number {
    return typeof value === 'string' ? (this.#codes.get(value.toLowerCase()) ?? this.#unknown) : refused;
  }
}

/** Whether it is a number within the bounds; NaN and the infinities never are. */
function isTaken(value: unknown, { min, max }: { min: number; max: number }): value is number {
  return typeof value === 'number' && value >= min && value <= max;
}
