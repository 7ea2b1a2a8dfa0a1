import { Problem } from '../../http/problem.ts';

/** Error codes of the scan; all have status 422. */
export const scanCodes = [
  'not_onnx',
  'malformed_model',
  'model_too_large',
  'model_too_complex',
  'external_data',
  'operator_not_allowed',
  'unsupported_model',
] as const;

export type ScanCode = (typeof scanCodes)[number];

/** Rejects the file. @throws {Problem} 422 */
export function refuse(code: ScanCode, text: string): never {
  throw new Problem(422, code, text);
}

const shownCharacters = 64;
// Control characters, bidirectional and other invisible formatting, line breaks and unassigned code points.
const unprintable = /[\p{C}\p{Zl}\p{Zp}"\\]/gu;

/** Quotes a name from the file: shortened, and without characters that affect a terminal or a log. */
export function quote(name: string): string {
  // A code point takes at most two units, so nothing that would be shown is cut off here.
  const characters = Array.from(name.slice(0, 2 * shownCharacters + 2));
  const shown = characters.slice(0, shownCharacters).join('').replace(unprintable, escape);
  return `"${shown}${characters.length > shownCharacters ? '…' : ''}"`;
}

function escape(character: string): string {
  return `\\u{${character.codePointAt(0)!.toString(16)}}`;
}
