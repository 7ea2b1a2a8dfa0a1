import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { Problem } from '../../../mlapi/http/problem.ts';
import { parseStrictJson } from '../../../mlapi/http/body/strict-json.ts';

const parse = (text: string) => parseStrictJson(Buffer.from(text));

/** The error code, or undefined if the text is accepted. */
function refusalOf(text: string): string | undefined {
  try {
    parse(text);
    return undefined;
  } catch (error) {
    if (error instanceof Problem && error.status === 400) return error.code;
    throw error;
  }
}

/** Milliseconds, the fastest of five tries. */
function fastest(text: string): number {
  const times = Array.from({ length: 5 }, () => {
    const startedAt = performance.now();
    refusalOf(text);
    return performance.now() - startedAt;
  });
  return Math.min(...times);
}

describe('parseStrictJson', () => {
  test.each([
    ['a name twice', '{"a":1,"a":2}'],
    ['a name twice, once escaped', '{"a":1,"\\u0061":2}'],
    ['a name twice, with blanks between', '{ "a" : 1 ,\n"a" : 2 }'],
    ['a name twice around a nested object', '{"a":{"b":1},"a":2}'],
    ['a name twice around a nested array', '{"a":[1,{"b":1}],"a":2}'],
    ['the empty name twice', '{"":1,"":2}'],
    ['__proto__ twice', '{"__proto__":1,"__proto__":2}'],
    ['a name twice in an inner object', '[[{"x":{"a":1,"a":1}}]]'],
  ])('400: %s', (_name, text) => {
    expect(refusalOf(text)).toBe('duplicate_key');
  });

  test.each([
    ['a value that equals its name', '{"a":"a","b":"a"}'],
    ['one name in two objects', '[{"a":1},{"a":1}]'],
    ['one name on two levels', '{"a":{"a":1}}'],
    ['strings that look like structure', '{"a":"{\\"a\\":1,","b":["]",",\\"a\\":"],"c":"\\\\"}'],
    ['names that differ in normalisation', '{"\\u00e9":1,"e\\u0301":2}'],
    ['paired surrogates', '{"\\ud83d\\ude00":"😀"}'],
    ['32 levels', '['.repeat(32) + ']'.repeat(32)],
  ])('%s is parsed like JSON.parse does', (_name, text) => {
    expect(parse(text)).toEqual(JSON.parse(text));
  });

  test('an own __proto__ stays an own property, not the prototype', () => {
    const parsed = parse('{"__proto__":{"x":1}}') as object;

    expect(Object.keys(parsed)).toEqual(['__proto__']);
    expect((parsed as { x?: unknown }).x).toBeUndefined();
  });

  test('an escape in a long list costs little more than the list', () => {
    const list = (first: string) => `[${first}${',0'.repeat(200_000)}]`;

    expect(fastest(list('"\\u0041"'))).toBeLessThan(6 * fastest(list('"A"')));
  });

  test.each([
    ['open', '['.repeat(500_000)],
    ['closed', '['.repeat(250_000) + ']'.repeat(250_000)],
    ['with others beside them', '[[],'.repeat(125_000)],
  ])('400: very deep brackets, %s, are refused faster than a list of the same length is read', (_name, text) => {
    expect(refusalOf(text)).toBe('json_too_deep');
    expect(fastest(text)).toBeLessThan(fastest(`[0${',0'.repeat(250_000)}]`));
  });

  test.each([
    ['one string', `["${'['.repeat(40)}"]`],
    ['many strings', `[${'["[[["],'.repeat(40)}0]`],
  ])('brackets in %s do not count as depth', (_name, text) => {
    expect(parse(text)).toEqual(JSON.parse(text));
  });

  const json = fc.jsonValue({ maxDepth: 6 }).filter((value) => JSON.stringify(value).isWellFormed());

  test('whatever it accepts, JSON.parse accepts with an equal result', () => {
    const alphabet = fc.constantFrom(
      ...Array.from('{}[]:,"\\ \n0123e-.u\u00e9'),
      'true',
      'null',
      '"a"',
      '"b"',
      '\\u0061',
      '"a":',
    );
    const text = fc.oneof(fc.string({ unit: alphabet, maxLength: 40 }), fc.json({ maxDepth: 6 }));

    fc.assert(
      fc.property(text, (given) => {
        const refusal = refusalOf(given);
        if (refusal === undefined) expect(parse(given)).toEqual(JSON.parse(given));
        else if (refusal === 'invalid_json' && !/\\u[dD]/.test(given)) expect(() => void JSON.parse(given)).toThrow();
      }),
      { numRuns: 6_000 },
    );
  });

  test('values with unique names and well-formed strings come through unchanged', () => {
    fc.assert(
      fc.property(json, fc.constantFrom(undefined, 1, '\t'), (value, indent) => {
        const text = JSON.stringify(value, null, indent);
        expect(parse(text)).toEqual(JSON.parse(text));
      }),
      { numRuns: 1_500 },
    );
  });

  test('400: a duplicate name is found anywhere, however it is escaped', () => {
    const name = fc.string({ maxLength: 8 }).filter((text) => text.isWellFormed());
    const escaped = (text: string) =>
      `"${Array.from({ length: text.length }, (_, at) => `\\u${text.charCodeAt(at).toString(16).padStart(4, '0')}`).join('')}"`;
    fc.assert(
      fc.property(name, json, json, fc.nat({ max: 8 }), fc.boolean(), (key, first, second, levels, isEscaped) => {
        const again = isEscaped ? escaped(key) : JSON.stringify(key);
        const object = `{${JSON.stringify(key)}:${JSON.stringify(first)},"${'x'.repeat(9)}":[{}],${again}:${JSON.stringify(second)}}`;
        expect(refusalOf('[1,'.repeat(levels) + object + ']'.repeat(levels))).toBe('duplicate_key');
      }),
      { numRuns: 1_500 },
    );
  });

  test('400: more than 32 levels of any kind are refused', () => {
    const open = fc.constantFrom('[', '{"a":', '[1,', '{"b":[],"a":');
    fc.assert(
      fc.property(fc.array(open, { minLength: 33, maxLength: 200 }), (opened) => {
        expect(refusalOf(opened.join(''))).toBe('json_too_deep');
      }),
    );
  });

  test('400: random bytes are refused or parsed, and nothing else happens', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        refusalOf(Buffer.from(bytes).toString('latin1'));
        try {
          parseStrictJson(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(Problem);
        }
      }),
      { numRuns: 5_000 },
    );
  });
});
