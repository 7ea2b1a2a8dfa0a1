import { Problem } from '../../http/problem.ts';

/** Every code that the scan of a model file refuses with; each is answered with status 422. */
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

/** Ends the scan. */
export function refuse(code: ScanCode, text: string): never {
  throw new Problem(422, code, text);
}

const shownCharacters = 64;
// Controls, bidirectional and other invisible formatting, line ends, and what has no meaning yet.
const unprintable = /[\p{C}\p{Zl}\p{Zp}"\\]/gu;

/** A name from the file, quoted: cut, and with nothing in it that a terminal or a log would act on. */
export function quote(name: string): string {
  // No code point takes more than two units: what is cut here would not be shown anyway.
  const characters = Array.from(name.slice(0, 2 * shownCharacters + 2));
  const shown = characters.slice(0, shownCharacters).join('').replace(unprintable, escape);
  return `"${shown}${characters.length > shownCharacters ? '…' : ''}"`;
}

function escape(character: string): string {
  return `\\u{${character.codePointAt(0)!.toString(16)}}`;
}
