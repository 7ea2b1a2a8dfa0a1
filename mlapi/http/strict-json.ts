import { Problem } from './problem.ts';

const maxDepth = 32;
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * JSON as RFC 7493 (I-JSON) has it: valid UTF-8 without a byte order mark, unique names, no unpaired surrogates, and at most
 * 32 levels deep. Depth is checked on the text, before anything walks a tree.
 * @throws {Problem} 400 `invalid_json`, `json_too_deep` or `duplicate_key`.
 */
export function parseStrictJson(bytes: Uint8Array): unknown {
  const text = decodeUtf8(bytes);
  scan(text);
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    throw invalidJson(cause);
  }
}

/** @throws {Problem} 400 `invalid_json` if the bytes are no UTF-8. */
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

const quote = 0x22;
const comma = 0x2c;
const backslash = 0x5c;
const openBracket = 0x5b;
const closeBracket = 0x5d;
const openBrace = 0x7b;
const closeBrace = 0x7d;

/** Walks the text once. What is not JSON at all is left for `JSON.parse` to refuse. */
function scan(text: string): void {
  /** One entry a level: the names seen in an object, or null for an array. */
  const levels: (Set<string> | null)[] = [];
  let names: Set<string> | null = null;
  let isName = false;
  for (let at = 0; at < text.length; at += 1) {
    const unit = text.charCodeAt(at);
    if (unit === quote) {
      const end = endOfString(text, at);
      if (isName && names !== null) addName(names, decodeString(text, at, end));
      else if (hasEscape(text, at, end)) decodeString(text, at, end);
      isName = false;
      at = end;
    } else if (unit === openBrace || unit === openBracket) {
      names = unit === openBrace ? new Set() : null;
      isName = names !== null;
      if (levels.push(names) > maxDepth) {
        throw new Problem(400, 'json_too_deep', `The body is nested more than ${maxDepth} levels deep.`);
      }
    } else if (unit === closeBrace || unit === closeBracket) {
      levels.pop();
      names = levels.at(-1) ?? null;
    } else if (unit === comma) {
      isName = names !== null;
    }
  }
}

/** Index of the closing quote. */
function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end !== -1; end = text.indexOf('"', end + 1)) {
    let backslashes = 0;
    while (text.charCodeAt(end - 1 - backslashes) === backslash) backslashes += 1;
    if (backslashes % 2 === 0) return end;
  }
  throw invalidJson();
}

function hasEscape(text: string, start: number, end: number): boolean {
  for (let at = start + 1; at < end; at += 1) if (text.charCodeAt(at) === backslash) return true;
  return false;
}

function decodeString(text: string, start: number, end: number): string {
  if (!hasEscape(text, start, end)) return text.slice(start + 1, end);
  let decoded: unknown;
  try {
    decoded = JSON.parse(text.slice(start, end + 1));
  } catch (cause) {
    throw invalidJson(cause);
  }
  if (typeof decoded !== 'string' || !decoded.isWellFormed()) throw invalidJson();
  return decoded;
}

function addName(names: Set<string>, name: string): void {
  if (names.has(name))
    throw new Problem(400, 'duplicate_key', 'An object in the body has the same name twice.');
  names.add(name);
}
