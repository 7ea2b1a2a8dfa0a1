import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { intersect, isWithin, rangeAfter, rangeOfPrefix, unionOf } from '../../mlapi/http/name-ranges.ts';
import { holdsFor, namesHeld } from '../../mlapi/http/scopes.ts';

const edge = fc.constantFrom('a', 'b', 'z', '0', '9');
const inner = fc.constantFrom('a', 'b', 'z', '0', '9', '.', '_', '-');
/** Few letters, the first and last of each kind, so that names are often equal or share a prefix. */
const name = fc
  .tuple(edge, fc.array(inner, { maxLength: 2 }), fc.option(edge))
  .map(([first, middle, last]) => (last === null ? first : [first, ...middle, last].join('')));
const prefix = fc.tuple(edge, fc.array(inner, { maxLength: 2 })).map(([first, rest]) => [first, ...rest].join(''));
const scope = fc.oneof(
  fc.constantFrom('nothing:read', 'models:predict:a*'),
  name.map((one) => `models:read:${one}`),
  prefix.map((one) => `models:read:${one}*`),
);

describe('ranges of names', () => {
  test('contain exactly the names that the scopes allow', () => {
    fc.assert(
      fc.property(fc.array(scope, { maxLength: 6 }), fc.array(name, { maxLength: 20 }), (scopes, names) => {
        const ranges = namesHeld(scopes, 'models:read');
        for (const one of names) expect(isWithin(ranges, one)).toBe(holdsFor(scopes, 'models:read', one));
      }),
      { numRuns: 2_000 },
    );
  });

  test('are sorted and disjoint, so that no name is listed twice', () => {
    fc.assert(
      fc.property(fc.array(scope, { maxLength: 12 }), (scopes) => {
        const ranges = namesHeld(scopes, 'models:read');
        for (const [index, { from, to }] of ranges.entries()) {
          expect(from < to).toBe(true);
          if (index > 0) expect(from > ranges[index - 1]!.to).toBe(true);
        }
      }),
      { numRuns: 2_000 },
    );
  });

  test('combine with a page’s start and prefix', () => {
    fc.assert(
      fc.property(
        fc.array(scope, { maxLength: 4 }),
        fc.oneof(fc.constant(''), prefix),
        fc.oneof(fc.constant(''), name),
        fc.array(name, { maxLength: 20 }),
        (scopes, start, after, names) => {
          const held = namesHeld(scopes, 'models:read');
          const ranges = intersect(intersect(held, rangeOfPrefix(start)), rangeAfter(after));
          for (const one of names)
            expect(isWithin(ranges, one)).toBe(isWithin(held, one) && one.startsWith(start) && one > after);
        },
      ),
      { numRuns: 2_000 },
    );
  });

  test('merge into one range for all names; without a scope there is none', () => {
    expect(namesHeld(['models:read:a*', 'models:read', 'models:read:b'], 'models:read')).toHaveLength(1);
    expect(namesHeld(['nothing:read', 'models:read:'], 'models:read')).toEqual([]);
    expect(unionOf([rangeOfPrefix('ab'), rangeOfPrefix('a'), rangeOfPrefix('b')])).toEqual([{ from: 'a', to: 'c' }]);
  });
});
