import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { identityModel } from '../../support/onnx-builder.ts';
import { contractOf, startModels, type ModelService } from '../../support/model-folders.ts';

const oddNames = ['constructor', 'toString', 'hasOwnProperty', 'length', 'a/b', 'a~b', '0', 'Straße 7'];
const optional = { type: 'number', missing: 5 };
const abc = ['a', 'b', 'c'].map((name) => ({ name, type: 'number' }));

let service: ModelService;
beforeAll(async () => {
  service = await startModels(
    {
      abc: { onnx: identityModel(3), contract: contractOf('abc', abc) },
      odd: {
        onnx: identityModel(oddNames.length),
        contract: contractOf(
          'odd',
          oddNames.map((name) => ({ name, type: 'number' })),
        ),
      },
      'odd-optional': {
        onnx: identityModel(oddNames.length),
        contract: contractOf(
          'odd-optional',
          oddNames.map((name) => ({ name, ...optional })),
        ),
      },
    },
    { MLAPI_MAX_ROWS: '30' },
  );
});
afterAll(() => service.close());

describe('200: accepted forms of a body', () => {
  const row = { c: 3, a: 1, b: 2 };
  test.each<[string, unknown, number]>([
    ['rows in feature order', [[1, 2, 3]], 1],
    ['named rows in any order', [row, row], 2],
    ['one named row', row, 1],
    ['named rows and lists mixed', [row, [1, 2, 3]], 2],
    ['instances with lists', { instances: [[1, 2, 3]] }, 1],
    ['instances with named rows', { instances: [row, row] }, 2],
    ['instances with one named row', { instances: row }, 1],
  ])('%s', async (_, body, rows) => {
    const { body: answer } = await service.predict('abc', body).expect(200);

    expect(answer).toEqual({ model: 'abc', version: '1', predictions: Array(rows).fill([1, 2, 3]) });
  });
});

describe('400: a body without rows', () => {
  test.each<[unknown, string]>([
    [null, ''],
    ['"x"', ''],
    [5, ''],
    [true, ''],
    [[], ''],
    [{ instances: null }, '/instances'],
    [{ instances: [] }, '/instances'],
    [{ instances: 'x' }, '/instances'],
    [{ instances: [[1, 2, 3]], parameters: {} }, ''],
    [{ instances: { instances: [[1, 2, 3]] } }, '/instances/a'],
    [[[[1, 2, 3]]], '/0'],
    [[null], ''],
    [[1], ''],
    [{ instances: [1, 2, 3] }, '/instances'],
    [[1, [1, 2, 3]], '/0'],
    [[[1, 2, 3], 'x'], '/1'],
    [[[]], '/0'],
    [[[1, 2]], '/0'],
    [[[1, 2, 3, 4]], '/0'],
    [{}, '/a'],
  ])('%j is refused with the pointer %j', async (body, pointer) => {
    const { body: problem } = await service.predict('abc', body).expect(400);

    expect(problem).toMatchObject({ code: 'invalid_rows', status: 400, title: 'Bad Request' });
    expect(problem.errors[0].pointer).toBe(pointer);
  });
});

test.each<[unknown, string]>([
  [[1, 2, 3], ''],
  [{ instances: [1, 'x', null] }, '/instances'],
  [Array<unknown>(30).fill(1), ''],
])('400: the cells of a single row, %j, are one error with instructions', async (body, pointer) => {
  const { body: problem } = await service.predict('abc', body).expect(400);

  const detail = 'Expected a list of rows; got a single row. Send [[...]].';
  expect(problem.errors).toEqual([{ pointer, detail }]);
});

describe('400: pointers name row and feature', () => {
  const good = [1, 2, 3];
  test.each<[string, unknown, string[]]>([
    ['a list row', [good, good, good, [1, 'x', 3]], ['/3/b']],
    ['a named row', [good, { a: 1, b: 'x', c: 3 }], ['/1/b']],
    ['one named row', { a: 1, b: 'x', c: 3 }, ['/b']],
    ['rows under instances', { instances: [good, good, good, [1, 'x', 3]] }, ['/instances/3/b']],
    ['one row under instances', { instances: { a: 1, b: 'x', c: 3 } }, ['/instances/b']],
    ['several cells and rows, in order', [['x', 2, 'x'], good, { b: 'x' }], ['/0/a', '/0/c', '/2/a', '/2/b', '/2/c']],
    ['unknown names, after the cells', { z: 1, a: 'x', y: 2, b: 2, c: 3 }, ['/a', '/z', '/y']],
    ['an unknown name with / and ~', { 'p/q~': 1, a: 1, b: 2, c: 3 }, ['/p~1q~0']],
    ['a name in another case', { A: 1, b: 2, c: 3 }, ['/a', '/A']],
  ])('%s', async (_, body, pointers) => {
    const { body: problem } = await service.predict('abc', body).expect(400);

    expect(problem.errors.map(({ pointer }: { pointer: string }) => pointer)).toEqual(pointers);
  });

  test.each([
    ['many rows', Array<unknown>(25).fill([1, 'x', 3]), '/19/b'],
    ['rows with three mistakes each', Array<unknown>(25).fill(['x', 'x', 'x']), '/6/b'],
    [
      'one row with many unknown names',
      Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`n${i}`, 1])),
      '/n16',
    ],
  ])('%s: the first 20 errors are returned', async (_, body, last) => {
    const { body: problem } = await service.predict('abc', body).expect(400);

    expect(problem.errors).toHaveLength(20);
    expect(problem.errors[19].pointer).toBe(last);
  });

  test('a long unknown name is truncated to valid text', async () => {
    const { body } = await service.predict('abc', {
      a: 1,
      b: 2,
      c: 3,
      [`${'x'.repeat(39)}😀${'y'.repeat(9_000)}`]: 1,
    });

    expect(body.errors[0].pointer.length).toBeLessThan(60);
    expect(body.errors[0].pointer.isWellFormed()).toBe(true);
  });
});

describe('names of JavaScript’s prototypes are ordinary names', () => {
  const row = Object.fromEntries(oddNames.map((name, index) => [name, index + 1]));

  test('200: as names of features', async () => {
    const { body } = await service.predict('odd', [row]).expect(200);

    expect(body.predictions).toEqual([oddNames.map((_, index) => index + 1)]);
  });

  test.each(oddNames)('400: %j is missing, and not inherited', async (name) => {
    const { [name]: _, ...rest } = row;

    const { body } = await service.predict('odd', rest).expect(400);

    const pointer = `/${name.replace('~', '~0').replace('/', '~1')}`;
    expect(body.errors).toEqual([{ pointer, detail: 'missing; expected a finite number' }]);
  });

  test('200: if missing, they get their "missing" value', async () => {
    const { body } = await service.predict('odd-optional', {}).expect(200);

    expect(body.predictions).toEqual([oddNames.map(() => 5)]);
  });

  test.each(['__proto__', 'constructor', 'toString', 'prototype', 'instances'])(
    '400: %s is not a feature of this row, and nothing is polluted',
    async (name) => {
      const text = `[{"a":1,"b":2,"c":3,"${name}":{"polluted":1,"a":9}}]`;

      const { body } = await service.predict('abc', text).expect(400);

      expect(body.errors).toEqual([{ pointer: `/0/${name}`, detail: 'not a feature of this model' }]);
      expect(({} as { polluted?: number }).polluted).toBeUndefined();
    },
  );

  test('400: cells are not read from a __proto__ in the row', async () => {
    const { body } = await service.predict('abc', '{"__proto__":{"a":1,"b":2,"c":3}}').expect(400);

    expect(body.errors.map(({ pointer }: { pointer: string }) => pointer)).toEqual(['/a', '/b', '/c', '/__proto__']);
  });
});

describe('MLAPI_MAX_ROWS', () => {
  test('200: as many rows as allowed', async () => {
    const { body } = await service.predict('abc', Array(30).fill([1, 2, 3])).expect(200);

    expect(body.predictions).toHaveLength(30);
  });

  test.each([
    ['bare', (rows: unknown[]) => rows],
    ['under instances', (instances: unknown[]) => ({ instances })],
  ])('413: one row more, %s, is refused before any cell is validated', async (_, bodyOf) => {
    const { body } = await service.predict('abc', bodyOf(Array(31).fill('wrong'))).expect(413);

    expect(body).toMatchObject({
      code: 'too_many_rows',
      detail: 'A request may contain at most 30 rows; this one contains 31.',
    });
  });
});
