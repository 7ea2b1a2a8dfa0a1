import { decodeUtf8 } from '../../http/body/strict-json.ts';

const quote = 0x22;
const backslash = 0x5c;
const longNumber = /-?\d[\d.eE+-]{15,}/y;
const wholeNumber = /^-?\d+$/;

/**
 * Parses JSON again with long integers as strings, which JSON.parse would round. Returns `parsed` if there are none. Same shape as
 * `parsed`, because names are unique.
 */
export function readExactly<T>(json: Buffer, parsed: T): T {
  const text = decodeUtf8(json);
  return mayRound(text) ? (JSON.parse(quoteLongIntegers(text)) as T) : parsed;
}

/** Whether the text may contain an integer that JSON.parse rounds: the smallest has 16 digits. */
function mayRound(text: string): boolean {
  return /\d{16}/.test(text);
}

/** Quotes the long integers of valid JSON, so that parsing keeps all their digits. Everything else stays the same. */
export function quoteLongIntegers(text: string): string {
  const parts: string[] = [];
  let from = 0;
  for (let at = 0; at < text.length; at += 1) {
    const unit = text.charCodeAt(at);
    if (unit === quote) at = endOfString(text, at);
    else if (isNumberStart(unit)) {
      longNumber.lastIndex = at;
      const [found] = longNumber.exec(text) ?? [];
      if (found === undefined) {
        while (isNumberPart(text.charCodeAt(at + 1))) at += 1;
        continue;
      }
      if (wholeNumber.test(found)) {
        parts.push(text.slice(from, at), '"', found, '"');
        from = at + found.length;
      }
      at += found.length - 1;
    }
  }
  parts.push(text.slice(from));
  return parts.join('');
}

function endOfString(text: string, start: number): number {
  let at = start + 1;
  while (at < text.length && text.charCodeAt(at) !== quote) at += text.charCodeAt(at) === backslash ? 2 : 1;
  return at;
}

function isNumberStart(unit: number): boolean {
  return unit === 0x2d || (unit >= 0x30 && unit <= 0x39);
}

/** Digits, `.`, `e`, `E`, `+` and `-`. */
function isNumberPart(unit: number): boolean {
  return isNumberStart(unit) || unit === 0x2e || unit === 0x65 || unit === 0x45 || unit === 0x2b;
}
