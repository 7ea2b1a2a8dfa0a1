import { Problem } from '../problem.ts';

const maxDepth = 32;
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Parses I-JSON (RFC 7493): valid UTF-8 without a byte order mark, unique names, no unpaired surrogates, at most 32 levels deep. The depth
 * is checked before anything walks the tree.
 * @throws {Problem} 400 `invalid_json`, `json_too_deep` or `duplicate_key`
 */
export function parseStrictJson(bytes: Uint8Array): unknown {
  if (bytes.length === 0) throw new Problem(400, 'invalid_json', 'The body is empty; it must be JSON.');
  const text = decodeUtf8(bytes);
  // A table without objects is checked by one walk of the tree, without scanning the text.
  const names = text.includes(':') || looksDeep(text) ? countNamesInText(text) : 0;
  const value = parse(text);
  if (names === 0 && typeof value === 'object' && value !== null) refuseDeeper(value, maxDepth);
  // JSON.parse keeps the last of equal names: fewer names in the tree than in the text mean a duplicate.
  if (names > 0 && countNamesInTree(value) < names) {
    throw new Problem(400, 'duplicate_key', 'An object in the body has the same name twice.');
  }
  // Only an escape can produce an unpaired surrogate; valid UTF-8 has none.
  if (text.includes('\\u') && hasUnpairedSurrogate(value)) throw invalidJson();
  return value;
}

/** @throws {Problem} 400 `invalid_json` if the bytes are not UTF-8 */
export function decodeUtf8(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch (cause) {
    throw invalidJson(cause);
  }
}

function invalidJson(cause?: unknown): Problem {
  return new Problem(400, 'invalid_json', 'The body is not valid JSON in UTF-8.', { cause });
}

function tooDeep(): Problem {
  return new Problem(400, 'json_too_deep', `The body is nested more than ${maxDepth} levels deep.`);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    // Throws `json_too_deep` if the invalid body is also nested too deeply.
    countNamesInText(text);
    // The parser's message quotes the body, which may hold a password: keep it out of the logs.
    throw invalidJson();
  }
}

const quote = 0x22;
const colon = 0x3a;
const backslash = 0x5c;
const openBracket = 0x5b;
const closeBracket = 0x5d;
const openBrace = 0x7b;
const closeBrace = 0x7d;

/** Counts brackets, including those in strings. JSON.parse would need a tenth of a second for a megabyte of nested brackets. */
function looksDeep(text: string): boolean {
  let depth = 0;
  let open = text.indexOf('[');
  let close = text.indexOf(']');
  while (open !== -1) {
    if (close === -1 || open < close) {
      depth += 1;
      if (depth > maxDepth) return true;
      open = text.indexOf('[', open + 1);
    } else {
      depth = Math.max(0, depth - 1);
      close = text.indexOf(']', close + 1);
    }
  }
  return false;
}

/** Throws at the first level below `levels`. */
function refuseDeeper(value: object, levels: number): void {
  if (levels === 0) throw tooDeep();
  const items: readonly unknown[] = Array.isArray(value) ? value : Object.values(value);
  for (let index = 0; index < items.length; index += 1) {
    const item = items[index];
    if (typeof item === 'object' && item !== null) refuseDeeper(item, levels - 1);
  }
}

/** Counts names by the colons outside of strings. Text that is not JSON is left for `JSON.parse` to reject. */
function countNamesInText(text: string): number {
  let depth = 0;
  let names = 0;
  for (let at = 0; at < text.length; at += 1) {
    const unit = text.charCodeAt(at);
    if (unit === quote) {
      at = endOfString(text, at);
    } else if (unit === colon) {
      names += 1;
    } else if (unit === openBrace || unit === openBracket) {
      depth += 1;
      if (depth > maxDepth) throw tooDeep();
    } else if (unit === closeBrace || unit === closeBracket) {
      depth -= 1;
    }
  }
  return names;
}

/** Returns the index of the closing quote. */
function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end !== -1; end = text.indexOf('"', end + 1)) {
    let backslashes = 0;
    while (text.charCodeAt(end - 1 - backslashes) === backslash) backslashes += 1;
    if (backslashes % 2 === 0) return end;
  }
  throw invalidJson();
}

function countNamesInTree(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  let names = 0;
  if (Array.isArray(value)) {
    for (const item of value) if (typeof item === 'object') names += countNamesInTree(item);
    return names;
  }
  // A loop, since Object.keys and Object.values of a large object would dominate the cost.
  for (const name in value) names += 1 + countNamesInTree((value as Record<string, unknown>)[name]);
  return names;
}

function hasUnpairedSurrogate(value: unknown): boolean {
  if (typeof value === 'string') return !value.isWellFormed();
  if (typeof value !== 'object' || value === null) return false;
  if (Array.isArray(value)) return value.some(hasUnpairedSurrogate);
  for (const name in value)
    if (!name.isWellFormed() || hasUnpairedSurrogate((value as Record<string, unknown>)[name])) return true;
  return false;
}
