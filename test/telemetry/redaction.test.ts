import { describe, expect, jest, test } from '@jest/globals';
import fc from 'fast-check';
import { redactText } from '../../mlapi/telemetry/loggable.ts';
import { redactTokens } from '../../mlapi/telemetry/redaction.ts';

/** The scanner must find these tokens. The expression takes quadratic time, so it is only for tests. */
const reference = /[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]*|eyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)*/g;

const word = fc.string({ unit: fc.constantFrom('e', 'y', 'J', 'a', 'Z', '0', '_', '-'), minLength: 0, maxLength: 24 });
const piece = fc.oneof(word, word, fc.constantFrom('.', '..', 'eyJ', '/', ' ', '%', 'é', '\u{1F600}', '\ud800'));
const text = fc.array(piece, { maxLength: 40 }).map((pieces) => pieces.join(''));

const part = (minLength: number) =>
  fc.string({
    unit: fc.constantFrom(...Array.from('abcdefghijklmnopqrstuvwxyzABCXYZ0189_-')),
    minLength,
    maxLength: 60,
  });
const token = fc.tuple(part(10), part(10), part(0)).map((parts) => parts.join('.'));
const border = fc.string({ unit: fc.constantFrom('/', ' ', '=', '"', ',', ';', '&', 'é') });

describe('tokens in logged text', () => {
  test('the scanner redacts what the expression does, and changes nothing else', () => {
    const redacts = (given: string) => expect(redactTokens(given)).toBe(given.replace(reference, '[token]'));
    fc.assert(fc.property(text, redacts), { numRuns: 3_000 });
    fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 200 }), redacts));
  });

  test('no token survives, whatever surrounds it', () => {
    fc.assert(
      fc.property(text, border, token, border, text, (before, left, given, right, after) => {
        const logged = redactText(`${before}/${left}${given}${right}/${after}`);
        expect(logged).toContain('[token]');
        expect(logged).not.toContain(given);
      }),
    );
  });

  test.each([
    ['letters without a dot after them', `${'a'.repeat(4_000)}.bb`],
    ['two long parts, and no third', `${'a'.repeat(2_000)}.${'b'.repeat(2_000)}`],
    ['dots', `a${'.'.repeat(4_000)}`],
    ['short parts', 'ab.'.repeat(1_300)],
    ['parts that are long enough, the second ones too short', `${'a'.repeat(10)}.b/`.repeat(300)],
    ['three parts, many times', 'abcdefghij.abcdefghij.a.'.repeat(4_000)],
    ['beginnings of tokens, each too short', 'eyJaaaa/'.repeat(500)],
    ['one word of beginnings', 'eyJ'.repeat(1_300)],
    ['one beginning too late', `${'a'.repeat(4_000)}eyJaaaaaaa`],
  ])('%s: no character is read more than four times', (_name, given) => {
    const read = jest.spyOn(String.prototype, 'charCodeAt');
    try {
      redactTokens(given);
      // Work is counted in characters read, which would be 0 if the scanner read them by other means.
      expect(read.mock.calls.length).toBeGreaterThan(given.length / 2);
      expect(read.mock.calls.length).toBeLessThan(4 * given.length);
    } finally {
      read.mockRestore();
    }
  });
});
