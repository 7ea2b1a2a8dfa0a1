import fc from 'fast-check';
import type { Feature } from '../../mlapi/inference/contract/types.ts';

export type Cell = string | number | boolean | null;

/** A feature with generators of valid and invalid cells. */
export interface Column {
  readonly feature: Feature;
  readonly good: fc.Arbitrary<Cell>;
  readonly bad: fc.Arbitrary<unknown>;
}

const finite = fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e38, max: 1e38 });
const isMissingAllowed = fc.boolean();
const neverACell = fc.constantFrom<unknown>('', '1', [], [1], {}, NaN, Infinity, -Infinity, 1e39);
const names = fc.oneof(
  fc.constantFrom('constructor', 'toString', 'a/b', 'a~1b', 'x'),
  fc.string({ minLength: 1, maxLength: 12 }).filter((name) => name !== '__proto__' && name !== 'instances'),
);

const numeric = fc
  .record({
    type: fc.constantFrom('number' as const, 'integer' as const),
    a: finite,
    b: finite,
    isMissingAllowed,
  })
  .map(({ type, a, b, isMissingAllowed: isOptional }): Omit<Column, 'feature'> & { feature: object } => {
    const [low, high] = [Math.min(a, b), Math.max(a, b)];
    const clamp = (value: number) => Math.trunc(Math.min(Math.max(value, -1e15), 1e15));
    const min = type === 'integer' ? clamp(low) : low;
    const max = type === 'integer' ? clamp(high) : high;
    const inside =
      type === 'integer'
        ? fc.integer({ min: -1000, max: 1000 }).map((n) => Math.min(Math.max(n, min), max))
        : fc.double({ min, max, noNaN: true });
    const outside = fc.constantFrom(min - Math.abs(min) * 0.1 - 1, max + Math.abs(max) * 0.1 + 1);
    return {
      feature: { type, min, max, missing: isOptional ? min : 'reject' },
      good: isOptional ? fc.option(inside) : inside,
      bad: fc.oneof(neverACell, outside, fc.boolean(), ...(isOptional ? [] : [fc.constant(null)])),
    };
  });
const boolean = isMissingAllowed.map((isOptional) => ({
  feature: { type: 'boolean', missing: isOptional ? true : 'reject' },
  good: fc.constantFrom<Cell>(true, false, 0, 1, ...(isOptional ? [null] : [])),
  bad: fc.oneof(neverACell, fc.constantFrom(2, -1, 0.5, 'true')),
}));
const category = fc
  .record({
    words: fc.uniqueArray(fc.stringMatching(/^[a-z]{2,8}$/), { minLength: 1, maxLength: 6 }),
    isOpen: fc.boolean(),
    isMissingAllowed,
  })
  .map(({ words, isOpen, isMissingAllowed: isOptional }) => {
    const known = fc.constantFrom<Cell>(...words, ...words.map((word) => word.toUpperCase()), ...words.keys());
    const unknown = fc.constantFrom<Cell>('', '0', 'constructor', ' ');
    return {
      feature: {
        type: 'category',
        categories: words.map((word, code) => ({ category: word, encoding: code })),
        unknown: isOpen ? words[0] : 'reject',
        missing: isOptional ? words.at(-1) : 'reject',
      },
      good: fc.oneof(known, ...(isOpen ? [unknown] : []), ...(isOptional ? [fc.constant(null)] : [])),
      bad: fc.oneof(fc.constantFrom<unknown>(true, [], {}, -1, 0.5, 99), ...(isOpen ? [] : [unknown])),
    };
  });

const columns = fc.uniqueArray(names, { minLength: 1, maxLength: 8 }).chain((chosen) =>
  fc.tuple(
    ...chosen.map((name) =>
      fc.oneof(numeric, boolean, category).map((column): Column => {
        return { ...column, feature: { name, ...column.feature } as Feature };
      }),
    ),
  ),
);
/** A contract, valid rows, and for each row whether it is sent with names. */
export const requests = columns.chain((all) =>
  fc.record({
    all: fc.constant(all),
    rows: fc.array(fc.record({ cells: fc.tuple(...all.map(({ good }) => good)), isNamed: fc.boolean() }), {
      minLength: 1,
      maxLength: 5,
    }),
  }),
);
