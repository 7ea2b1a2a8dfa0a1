import type { Feature } from '../contract/types.ts';

const quote = 0x22;
const plus = 0x2b;
const comma = 0x2c;
const minus = 0x2d;
const dot = 0x2e;
const zero = 0x30;
const nine = 0x39;
const exponent = 0x65;
const lowerCase = 0x20;

/**
 * Up to 15 digits are an exact integer in a double, and so is every power of ten used here, so their quotient is rounded once, like a JSON
 * number.
 */
const exactDigits = 15;
const powersOfTen = Array.from({ length: exactDigits + 1 }, (_, power) => 10 ** power);

const rememberedTexts = 256;

/** Bytes that are plain text, inside quotes and outside. */
const isPlain = Uint8Array.from({ length: 256 }, (_, byte) =>
  byte >= 0x20 && byte < 0x7f && byte !== quote && byte !== comma ? 1 : 0,
);

/** Reads the cells of records from their bytes. Every record must be followed by a line break, so that no cell is read past the end. */
export class CellReader {
  at = 0;
  #bytes: Buffer = Buffer.alloc(0);
  /** Cache of category texts: comparing bytes is cheaper than creating a string. */
  readonly #texts = Array.from({ length: rememberedTexts }, () => '');

  open(bytes: Buffer, start: number): void {
    this.#bytes = bytes;
    this.at = start;
  }

  /** Skips this byte if it is next. @returns whether it was */
  skip(byte: number): boolean {
    if (this.#bytes[this.at] !== byte) return false;
    this.at += 1;
    return true;
  }

  /** Reads a number in JSON notation. Returns NaN, without moving, if there is none. */
  readNumber(): number {
    const bytes = this.#bytes;
    const start = this.at;
    const first = bytes[start] === minus ? start + 1 : start;
    let at = first;
    let digits = 0;
    for (let byte = bytes[at]!; byte >= zero && byte <= nine; byte = bytes[at]!) {
      digits = digits * 10 + byte - zero;
      at += 1;
    }
    const wholes = at - first;
    if (wholes === 0 || (wholes > 1 && bytes[first] === zero)) return NaN;
    let decimals = 0;
    if (bytes[at] === dot) {
      at += 1;
      for (let byte = bytes[at]!; byte >= zero && byte <= nine; byte = bytes[at]!) {
        digits = digits * 10 + byte - zero;
        decimals += 1;
        at += 1;
      }
      if (decimals === 0) return NaN;
    }
    const power = this.#skipExponent(at);
    if (power === -1) return NaN;
    this.at = power;
    if (power > at || wholes + decimals > exactDigits) return Number(bytes.toString('latin1', start, power));
    const value = decimals === 0 ? digits : digits / powersOfTen[decimals]!;
    return first === start ? value : -value;
  }

  /** Reads all plain characters that follow. */
  readText(): string {
    const bytes = this.#bytes;
    const start = this.at;
    let at = start;
    let hash = 0;
    for (let byte = bytes[at]!; isPlain[byte] === 1; byte = bytes[at]!) {
      hash = (hash * 31 + byte) | 0;
      at += 1;
    }
    this.at = at;
    const slot = hash & (rememberedTexts - 1);
    const known = this.#texts[slot]!;
    if (this.#spells(known, start, at)) return known;
    const text = bytes.toString('latin1', start, at);
    this.#texts[slot] = text;
    return text;
  }

  #spells(text: string, start: number, end: number): boolean {
    if (text.length !== end - start) return false;
    for (let at = start; at < end; at += 1) if (text.charCodeAt(at - start) !== this.#bytes[at]) return false;
    return true;
  }

  /** Returns the index after an exponent, `start` if there is none, or -1 if it has no digits. */
  #skipExponent(start: number): number {
    const bytes = this.#bytes;
    if ((bytes[start]! | lowerCase) !== exponent) return start;
    let at = start + 1;
    if (bytes[at] === plus || bytes[at] === minus) at += 1;
    const first = at;
    while (bytes[at]! >= zero && bytes[at]! <= nine) at += 1;
    return at === first ? -1 : at;
  }
}

const jsonNumber = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;
/** In any case, because spreadsheets write TRUE and pandas writes True. */
const booleans: ReadonlyMap<string, boolean> = new Map([
  ['true', true],
  ['false', false],
]);

/** Returns a cell as the JSON value for its feature type; undefined for an empty cell, which counts as missing. */
export function readCell(text: string, type: Feature['type']): unknown {
  if (text === '') return undefined;
  if (type === 'category') return text;
  if (jsonNumber.test(text)) return Number(text);
  return (type === 'boolean' ? booleans.get(text.toLowerCase()) : undefined) ?? text;
}
