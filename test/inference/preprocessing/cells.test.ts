import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { identityModel, type ElementType } from '../../support/onnx-builder.ts';
import { contractOf, startModels, type ModelFolder, type ModelService } from '../../support/model-folders.ts';

const encoding = [
  ['column', 'name', 'category', 'encoding'],
  [0, 'x', 'tcp', 1],
  [0, 'x', 'S0', 2],
  [0, 'x', 'Straße', 3],
  [0, 'x', 'other', -7],
];

/** A model of one feature x that returns the encoded cell. */
function echo(name: string, feature: object, type: ElementType = 'float32'): [string, ModelFolder] {
  const isCategory = 'type' in feature && feature.type === 'category';
  const contract = contractOf(name, [{ name: 'x', ...feature }], isCategory ? { encoding: 'encoding.csv' } : {});
  return [name, { onnx: identityModel(1, type), contract, ...(isCategory && { encoding }) }];
}

const models = Object.fromEntries([
  echo('number', { type: 'number' }),
  echo('double', { type: 'number' }, 'float64'),
  echo('bounded', { type: 'number', min: -1.5, max: 2 }),
  echo('optional', { type: 'number', missing: 0.5 }),
  echo('integer', { type: 'integer' }, 'float64'),
  echo('positive', { type: 'integer', min: 1 }),
  echo('int32', { type: 'number' }, 'int32'),
  echo('int64', { type: 'number' }, 'int64'),
  echo('boolean', { type: 'boolean' }),
  echo('absent-is-true', { type: 'boolean', missing: true }),
  echo('category', { type: 'category' }),
  echo('open', { type: 'category', unknown: 'OTHER', missing: 's0' }),
  echo('category-int64', { type: 'category' }, 'int64'),
]);

let service: ModelService;
beforeAll(async () => {
  service = await startModels(models);
});
afterAll(() => service.close());

describe('200: valid cells', () => {
  // Model, the cell as JSON text, the number in the tensor.
  test.each<[string, string, number]>([
    ['number', '-1.5e3', -1500],
    ['number', '-0', 0],
    ['number', '1e-400', 0],
    ['number', '3.4028234e38', 3.4028234663852886e38],
    ['double', '1e39', 1e39],
    ['double', '1.7976931348623157e308', Number.MAX_VALUE],
    ['bounded', '-1.5', -1.5],
    ['bounded', '2', 2],
    ['optional', 'null', 0.5],
    ['optional', '7', 7],
    ['integer', '9007199254740991', Number.MAX_SAFE_INTEGER],
    ['integer', '-9007199254740991', -Number.MAX_SAFE_INTEGER],
    ['integer', '3.0', 3],
    ['integer', '1e2', 100],
    ['positive', '1', 1],
    ['int32', '-2147483648', -2147483648],
    ['int32', '2147483647', 2147483647],
    ['int64', '9007199254740991', Number.MAX_SAFE_INTEGER],
    ['int64', '-0', 0],
    ['boolean', 'true', 1],
    ['boolean', 'false', 0],
    ['boolean', '1', 1],
    ['boolean', '0', 0],
    ['absent-is-true', 'null', 1],
    ['category', '"tcp"', 1],
    ['category', '"TCP"', 1],
    ['category', '"TcP"', 1],
    ['category', '"s0"', 2],
    ['category', '"STRAßE"', 3],
    ['category', '-7', -7],
    ['category', '2.0', 2],
    ['open', '"never heard of"', -7],
    ['open', '""', -7],
    ['open', '"__proto__"', -7],
    ['open', '"constructor"', -7],
    ['open', 'null', 2],
    ['category-int64', '"other"', -7],
  ])('%s encodes %s as %d, in a list and in a named row', async (model, cell, expected) => {
    const { body: list } = await service.predict(model, `[[${cell}]]`).expect(200);
    const { body: named } = await service.predict(model, `{"x":${cell}}`).expect(200);

    expect([list.predictions, named.predictions]).toEqual([[expected], [expected]]);
  });

  test.each<[string, number]>([
    ['optional', 0.5],
    ['absent-is-true', 1],
    ['open', 2],
  ])('%s encodes a missing cell of a named row as %d', async (model, expected) => {
    const { body } = await service.predict(model, [{}, {}]).expect(200);

    expect(body.predictions).toEqual([expected, expected]);
  });
});

describe('400: invalid cells', () => {
  const anyCategory = 'expected one of tcp, S0, Straße, other';
  test.each<[string, string, string]>([
    ['number', '1e39', '1e+39 is above 3.4028234663852886e+38'],
    ['number', '-1e39', '-1e+39 is below -3.4028234663852886e+38'],
    ['number', '1e999', 'Infinity is above 3.4028234663852886e+38'],
    ['double', '1e999', 'Infinity is above 1.7976931348623157e+308'],
    ['double', '-1e999', '-Infinity is below -1.7976931348623157e+308'],
    ['number', '"1"', '"1"; expected a finite number'],
    ['number', '"NaN"', '"NaN"; expected a finite number'],
    ['number', 'true', 'true; expected a finite number'],
    ['number', '[1]', 'a list; expected a finite number'],
    ['number', '{"a":1}', 'an object; expected a finite number'],
    ['number', 'null', 'null; expected a finite number'],
    ['bounded', '-1.6', '-1.6 is below -1.5'],
    ['bounded', '2.0001', '2.0001 is above 2'],
    ['integer', '9007199254740993', '9007199254740992 is above 9007199254740991'],
    ['integer', '1.5', '1.5; expected an integer'],
    ['integer', 'null', 'null; expected an integer'],
    ['positive', '0', '0 is below 1'],
    ['int32', '2147483648', '2147483648 is above 2147483647'],
    ['int32', '-2147483649', '-2147483649 is below -2147483648'],
    ['int32', '0.5', '0.5; expected an integer'],
    ['int64', '9007199254740993', '9007199254740992 is above 9007199254740991'],
    ['int64', '1e999', 'Infinity is above 9007199254740991'],
    ['boolean', '2', '2; expected true or false'],
    ['boolean', '"true"', '"true"; expected true or false'],
    ['boolean', 'null', 'null; expected true or false'],
    ['category', '"icmp"', `unknown category "icmp"; ${anyCategory}`],
    ['category', '" tcp"', `unknown category " tcp"; ${anyCategory}`],
    ['category', '"1"', `unknown category "1"; ${anyCategory}`],
    ['category', '"toString"', `unknown category "toString"; ${anyCategory}`],
    ['category', '4', '4 is not a code of this category'],
    ['category', '1.5', '1.5 is not a code of this category'],
    ['category', 'true', `true is not a category; ${anyCategory}`],
    ['category', 'null', 'null; expected a category'],
    ['open', '99', '99 is not a code of this category'],
    ['open', '{}', `an object is not a category; ${anyCategory}`],
    ['category', JSON.stringify('<b>'.repeat(99)), `unknown category "${'<b>'.repeat(13)}<..."; ${anyCategory}`],
  ])('%s rejects %s: %s', async (model, cell, detail) => {
    const { body: list } = await service.predict(model, `[[${cell}]]`).expect(400);
    const { body: named } = await service.predict(model, `{"x":${cell}}`).expect(400);

    expect(list.errors).toEqual([{ pointer: '/0/x', detail }]);
    expect(named.errors).toEqual([{ pointer: '/x', detail }]);
  });

  test.each(['number', 'boolean', 'category'])('%s rejects a missing cell', async (model) => {
    const { body } = await service.predict(model, [{}]).expect(400);

    expect(body.errors).toEqual([{ pointer: '/0/x', detail: expect.stringMatching(/^missing; expected /) }]);
  });

  test.each(['NaN', 'Infinity', '0x10', '01', '+1', '.5', "'1'"])('%s is not JSON', async (cell) => {
    const { body } = await service.predict('number', `[[${cell}]]`).expect(400);

    expect(body.code).toBe('invalid_json');
  });
});

test('an error lists twelve categories and the total number', async () => {
  const lines = Array.from({ length: 30 }, (_, code) => [0, 'x', `c${code}`, code]);
  const contract = contractOf('many', [{ name: 'x', type: 'category' }], { encoding: 'encoding.csv' });
  const many = await startModels({
    many: { onnx: identityModel(1), contract, encoding: [encoding[0]!, ...lines] },
  });

  const { body } = await many.predict('many', [['x']]).expect(400);

  expect(body.errors[0].detail).toMatch(/c11, \.\.\. \(30 in all\)$/);
  await many.close();
});
