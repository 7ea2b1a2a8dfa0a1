import { describe, expect, test } from '@jest/globals';
import { category, good, number, refusal, withContract, withFeature } from '../../support/broken-folders.ts';
import { contractOf, type ModelFolder } from '../../support/model-folders.ts';

const header = 'column,name,category,encoding';

const { onnx } = good;

describe('model.json stops the start', () => {
  test.each<[string, ModelFolder, RegExp]>([
    ['no JSON', { onnx, contract: '{"name": "m",}' }, /^Expected double-quoted property name in JSON/],
    ['a key twice', { onnx, contract: '{"name":"m","name":"n"}' }, /same name twice/],
    ['a list', { onnx, contract: [] }, /must be of type object/],
    ['an unknown field', withContract({ lables: [] }), /^"lables" is not allowed$/],
    ['no features', { onnx, contract: { name: 'm', output: { kind: 'values' } } }, /^"features" is required$/],
    [
      'all errors at once',
      withContract({ version: 1, output: {} }),
      /"version" must be a string.*"output.kind" is required/,
    ],
    ['another executor', withContract({ executor: 'thread' }), /^"executor" must be one of \[inline, child\]$/],
    [
      'runs without rows, and an endless wait',
      withContract({ batching: { maxRows: 0, maxWaitMicroseconds: 1e9, maxWait: 1 } }),
      /"batching.maxRows" must be .* 1\. "batching.maxWaitMicroseconds" must be .* 1000000\. "batching.maxWait" is not allowed$/,
    ],
    [
      'a name with capitals',
      withContract({ name: 'M' }),
      /^"name" with value "M" must be 1 to 64 lower-case letters and digits, with "\.", "_" and "-" between them$/,
    ],
    [
      'a feature twice',
      { onnx, contract: contractOf('m', [number('a'), number('a')]) },
      /"features\[1\]" contains a duplicate value/,
    ],
    [
      'an unknown type',
      withFeature({ name: 'b', type: 'float' }),
      /"features\[1\].type" must be one of \[number, integer, boolean, category\]/,
    ],
    ['a bound on a boolean', withFeature({ name: 'b', type: 'boolean', min: 0 }), /"features\[1\].min" is not allowed/],
    ['a digit string as bound', withFeature(number('b', { min: '0' })), /"features\[1\].min" must be a number/],
    [
      'a feature called __proto__',
      { onnx, contract: JSON.stringify(contractOf('m', [number('a'), number('__proto__')])) },
      /"features\[1\].name" contains an invalid value/,
    ],
    ['a feature called instances', withFeature(number('instances')), /"features\[1\].name" contains an invalid value/],
    ['min above max', withFeature(number('b', { min: 2, max: 1 })), /^feature "b": its bounds contain no number$/],
    [
      'more features than the model',
      { onnx, contract: contractOf('m', [...[number('a'), number('b')], number('c')]) },
      /^lists 3 features, but the model takes 2$/,
    ],
    [
      'fewer features than the model',
      { onnx, contract: contractOf('m', [number('a')]) },
      /^lists 1 features, but the model takes 2$/,
    ],
    [
      'a category without encoding',
      withFeature(category('b')),
      /^feature "b": a category requires lines in encoding.csv$/,
    ],
    [
      'another name than encoding.csv',
      withFeature(category('b'), `${header}\n1,c,x,0`),
      /^feature "b": encoding.csv calls this column "c"$/,
    ],
    [
      'an encoding outside of the folder',
      withContract({ encoding: '../encoding.csv' }),
      /"encoding".*fails to match the file name pattern/,
    ],
    [
      'a sample outside of the folder',
      withContract({ sample: '/etc/passwd' }),
      /"sample".*fails to match the file name pattern/,
    ],
    ['an unknown kind of output', withContract({ output: { kind: 'labels' } }), /"output.kind" must be one of/],
    [
      'labels of a regression',
      withContract({ output: { kind: 'values', labels: ['a'] } }),
      /"output.labels" is not allowed/,
    ],
    [
      'three labels for two sides',
      withContract({ output: { kind: 'anomaly_scores', labels: ['a', 'b', 'c'] } }),
      /"output.labels" must contain 2 items/,
    ],
    ['a label twice', withContract({ output: { kind: 'class_scores', labels: ['a', 'a'] } }), /duplicate value/],
  ])('%s', async (_, folder, cause) => {
    const message = await refusal({ m: folder });

    expect(message).toMatch(/^\/m\/model\.json: /);
    expect(message.replace('/m/model.json: ', '')).toMatch(cause);
  });
});

describe('encoding.csv stops the start', () => {
  const cases: [string, string, string][] = [
    ['empty', '', 'missing columns: column, name, category, encoding'],
    ['a column missing', 'column,name,category\n1,b,x', 'missing columns: encoding'],
    [
      'a category twice, in another case',
      `${header}\n1,b,x,0\n1,b,X,1`,
      'line 3: the category "X" of column 1 occurs twice (categories are case-insensitive)',
    ],
    ['a column with two names', `${header}\n1,b,x,0\n1,c,y,1`, 'line 3: column 1 is called both "b" and "c"'],
    ['a column that is not an index', `${header}\nb,b,x,0`, 'line 2: column must be an index'],
    ['an encoding that is not a number', `${header}\n1,b,x,one`, 'line 2: encoding must be a number'],
    ['an empty encoding', `${header}\n1,b,x,`, 'line 2: encoding must be a number'],
    ['an empty category', `${header}\n1,b,,0`, 'line 2: name or category is empty'],
    [
      'a column that is a number',
      `${header}\n0,a,x,0\n1,b,x,0`,
      '"a" (column 0) is not a category feature of the model',
    ],
    [
      'a column beyond the features',
      `${header}\n1,b,x,0\n7,z,x,0`,
      '"z" (column 7) is not a category feature of the model',
    ],
  ];
  test.each(cases)('%s', async (_, encoding, cause) => {
    expect(await refusal({ m: withFeature(category('b'), encoding) })).toBe(`/m/encoding.csv: ${cause}`);
  });

  test('lines of different lengths, or a missing file', async () => {
    const ragged = withFeature(category('b'), `${header}\n1,b,x,0,9`);
    const { onnx: model, contract } = withFeature(category('b'), header);

    expect(await refusal({ m: ragged })).toMatch(/^\/m\/encoding\.csv: .*line 2/i);
    expect(await refusal({ m: { onnx: model!, contract: contract! } })).toMatch(/^\/m\/encoding\.csv: file not found/);
  });

  test('bytes that are not UTF-8', async () => {
    const folder = {
      ...withFeature(category('b'), header),
      encoding: Buffer.from(`${header}\n1,b,Stra\xdfe,0`, 'latin1'),
    };

    expect(await refusal({ m: folder })).toMatch(/^\/m\/encoding\.csv: .*not valid for encoding utf-8/);
  });

  test('without model.json: a column beyond the features, or a duplicate name', async () => {
    const beyond = await refusal({ m: { onnx, encoding: `${header}\n5,z,x,0` } });
    const twice = await refusal({ m: { onnx, encoding: `${header}\n1,f0,x,0` } });

    expect(beyond).toBe('/m/encoding.csv: "z" (column 5) is not a category feature of the model');
    expect(twice).toBe('/m: "features[1]" contains a duplicate value');
  });
});
