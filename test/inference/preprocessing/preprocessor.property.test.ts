import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { Problem } from '../../../mlapi/http/problem.ts';
import { Preprocessor } from '../../../mlapi/inference/preprocessing/preprocessor.ts';
import type { Feature } from '../../../mlapi/inference/contract/types.ts';
import { requests, type Cell, type Column } from '../../support/generated-contracts.ts';

/** The encoding of a cell by the contract, in the simplest implementation. */
function encode(feature: Feature, cell: Cell): number {
  const value = cell ?? feature.missing;
  if (feature.type !== 'category') return Number(value);
  if (typeof value === 'number') return value;
  const find = (name: string) => feature.categories.find((known) => known.category === name.toLowerCase());
  return (find(String(value)) ?? find(feature.unknown))!.encoding;
}

/** A request body; named rows have their names in reverse. */
function toBody(all: readonly Column[], rows: readonly { cells: readonly unknown[]; isNamed: boolean }[]): unknown[] {
  return rows.map(({ cells, isNamed }) => {
    const entries = all.map(({ feature }, at): [string, unknown] => [feature.name, cells[at]]);
    return isNamed ? Object.fromEntries(entries.reverse()) : cells;
  });
}

describe('a randomly generated contract', () => {
  test('accepts the rows generated from it, and encodes them like the simple reference', () => {
    fc.assert(
      fc.property(requests, ({ all, rows }) => {
        const preprocessor = new Preprocessor(
          all.map(({ feature }) => feature),
          'float64',
          10,
        );

        const { data } = preprocessor.preprocess(toBody(all, rows));

        const expected = rows.flatMap(({ cells }) => cells.map((cell, at) => encode(all[at]!.feature, cell)));
        expect([...data].map((value) => Number(value) + 0)).toEqual(expected.map((value) => value + 0));
      }),
      { numRuns: 500 },
    );
  });

  test('rejects a row with one wrong cell, at exactly that pointer', () => {
    const mutated = requests.chain(({ all, rows }) =>
      fc
        .record({ row: fc.nat(rows.length - 1), column: fc.nat(all.length - 1) })
        .chain(({ row, column }) => all[column]!.bad.map((cell) => ({ all, rows, row, column, cell }))),
    );
    fc.assert(
      fc.property(mutated, ({ all, rows, row, column, cell }) => {
        const preprocessor = new Preprocessor(
          all.map(({ feature }) => feature),
          'float32',
          10,
        );
        const wrong = rows.map(({ cells, isNamed }, at) => ({
          cells: at === row ? cells.with(column, cell as Cell) : cells,
          isNamed,
        }));

        const pointers = pointersOf(() => preprocessor.preprocess(toBody(all, wrong)));

        const name = all[column]!.feature.name.replaceAll('~', '~0').replaceAll('/', '~1');
        expect(pointers).toEqual([`/${row}/${name}`]);
      }),
      { numRuns: 500 },
    );
  });
});

function pointersOf(refuse: () => unknown): string[] | undefined {
  try {
    refuse();
  } catch (problem) {
    return problem instanceof Problem ? problem.errors?.map(({ pointer }) => pointer) : undefined;
  }
  return undefined;
}
