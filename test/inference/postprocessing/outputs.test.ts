import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { buildModel, constantOf, identityModel, switchModel } from '../../support/onnx-builder.ts';
import { contractOf, startModels, type ModelFolder, type ModelService } from '../../support/model-folders.ts';

const features = (width: number) =>
  Array.from({ length: width }, (_, index) => ({ name: `f${index}`, type: 'number' }));

/** A model that returns its rows, with this output contract. */
function echo(name: string, width: number, output: object, rows?: number): [string, ModelFolder] {
  return [
    name,
    { onnx: identityModel(width, 'float32', rows), contract: contractOf(name, features(width), { output }) },
  ];
}

/** A model that is valid for row [0] and returns `output` for row [1]. */
function given(
  name: string,
  good: unknown,
  bad: unknown,
  output: object,
  type?: 'int64' | 'float64',
): [string, ModelFolder] {
  const onnx = switchModel([constantOf(good, type), constantOf(bad, type)]);
  return [name, { onnx, contract: contractOf(name, features(1), { output }) }];
}

/** Two outputs: `same`, and `negative`. */
const twoOutputs = buildModel({
  inputs: [{ name: 'x', type: 'float32', shape: ['N', 2] }],
  nodes: [
    { op: 'Identity', inputs: ['x'], outputs: ['same'] },
    { op: 'Neg', inputs: ['x'], outputs: ['negative'] },
  ],
  outputs: ['same', 'negative'].map((name) => ({ name, type: 'float32', shape: ['N', 2] })),
});

/** Fails during the run for a row that is not an index of its table. */
const gather = buildModel({
  inputs: [{ name: 'x', type: 'int64', shape: ['N', 1] }],
  nodes: [
    { op: 'Constant', inputs: [], outputs: ['table'], attributes: { value: constantOf([10, 20]) } },
    { op: 'Gather', inputs: ['table', 'x'], outputs: ['y'] },
  ],
  outputs: [{ name: 'y', type: 'float32', shape: ['N', 1] }],
});

/** Takes one row, and returns a vector without a row dimension. */
const vectorOfOneRow = buildModel({
  inputs: [{ name: 'x', type: 'float32', shape: [1, 3] }],
  nodes: [
    { op: 'Constant', inputs: [], outputs: ['shape'], attributes: { value: constantOf([-1], 'int64') } },
    { op: 'Reshape', inputs: ['x', 'shape'], outputs: ['y'] },
  ],
  outputs: [{ name: 'y', type: 'float32', shape: [3] }],
});

const classScores = { kind: 'class_scores' };
const models = Object.fromEntries([
  echo('per-class', 3, { ...classScores, scores: 'per-class', labels: ['a', 'b', 'c'] }),
  echo('numbers', 3, { ...classScores, labels: [10, 20.5, 'x'] }),
  echo('unlabelled', 3, classScores),
  echo('positive', 1, { ...classScores, scores: 'positive-class', labels: ['no', 'yes'] }),
  echo('class-number', 1, { ...classScores, scores: 'class-number', labels: ['zero', 'one', 'two'] }),
  echo('guessed', 1, classScores),
  echo('threshold', 1, { kind: 'anomaly_scores', threshold: -0.5, labels: ['in', 'out'] }),
  echo('zero', 1, { kind: 'anomaly_scores' }),
  echo('value', 1, { kind: 'values' }),
  echo('values', 2, { kind: 'values' }),
  echo('one-row', 2, { kind: 'values' }, 1),
  given('wide-or-not', [[1, 0]], [[1]], { ...classScores, scores: 'per-class' }),
  given('narrow-or-not', [[1]], [[1, 0]], { ...classScores, scores: 'class-number' }),
  given('positive-or-not', [[1]], [[1, 0]], { ...classScores, scores: 'positive-class' }),
  given('finite-or-not', [[1]], [['NaN']], { kind: 'values' }),
  given('infinite', [[1]], [[-Infinity]], { kind: 'values' }),
  given('int64-label', [0], [2], { ...classScores, labels: ['a', 'b', 'c'] }, 'int64'),
  given('float64-value', [0], [0.1], { kind: 'values' }, 'float64'),
  ['gather', { onnx: gather, contract: contractOf('gather', features(1)) }],
  [
    'vector-of-one-row',
    { onnx: vectorOfOneRow, contract: contractOf('vector-of-one-row', features(3), { output: classScores }) },
  ],
  ['first', { onnx: twoOutputs, contract: contractOf('first', features(2)) }],
  [
    'pinned',
    {
      onnx: twoOutputs,
      contract: contractOf('pinned', features(2), { output: { kind: 'values', tensor: 'negative' } }),
    },
  ],
]);

let service: ModelService;
beforeAll(async () => {
  service = await startModels(models);
});
afterAll(() => service.close());

describe('200: scores become predictions', () => {
  test.each<[string, number[][], unknown[]]>([
    [
      'per-class',
      [
        [0.1, 0.7, 0.2],
        [0.4, 0.4, 0.2],
        [0, 0, 1],
      ],
      ['b', 'a', 'c'],
    ],
    [
      'numbers',
      [
        [1, 0, 0],
        [0, 1, 0],
        [0, 0, 1],
      ],
      [10, 20.5, 'x'],
    ],
    [
      'unlabelled',
      [
        [0, 1, 0],
        [0, 0, 1],
      ],
      [1, 2],
    ],
    ['positive', [[0], [0.5], [0.500001], [1], [7], [-7]], ['no', 'no', 'yes', 'yes', 'yes', 'no']],
    ['class-number', [[0], [1.9], [0.5], [2], [-0.9]], ['zero', 'one', 'zero', 'two', 'zero']],
    ['guessed', [[0.4], [0.6]], [0, 1]],
    ['guessed', [[3], [0], [-2]], [3, 0, -2]],
    ['threshold', [[-0.5], [-0.500001], [1]], ['in', 'out', 'in']],
    ['zero', [[0], [-0.001], [1]], [0, 1, 0]],
    ['value', [[1.5], [-2]], [1.5, -2]],
    [
      'values',
      [
        [1.5, 2],
        [-2, 0],
      ],
      [
        [1.5, 2],
        [-2, 0],
      ],
    ],
    [
      'one-row',
      [
        [1, 2],
        [3, 4],
        [5, 6],
      ],
      [
        [1, 2],
        [3, 4],
        [5, 6],
      ],
    ],
    ['vector-of-one-row', [[0, 1, 0]], [1]],
    [
      'vector-of-one-row',
      [
        [0, 1, 0],
        [0, 0, 1],
        [1, 0, 0],
      ],
      [1, 2, 0],
    ],
    ['first', [[1, 2]], [[1, 2]]],
    ['pinned', [[1, 2]], [[-1, -2]]],
    ['int64-label', [[1]], ['c']],
    ['float64-value', [[1]], [0.1]],
    ['gather', [[0], [1], [-1]], [10, 20, 20]],
  ])('%s: %j gives %j', async (model, rows, predictions) => {
    const { body } = await service.predict(model, rows).expect(200);

    expect(body).toEqual({ model, version: '1', predictions });
  });
});

describe('422: an ambiguous output is refused, not guessed', () => {
  test.each<[string, number[][], string]>([
    ['wide-or-not', [[1]], 'the output has one column, but the contract says one per class'],
    ['narrow-or-not', [[1]], 'the output has several columns, but the contract says one'],
    ['positive-or-not', [[1]], 'the output has several columns, but the contract says one'],
    ['finite-or-not', [[1]], 'the output contains a score that is not a finite number'],
    ['infinite', [[1]], 'the output contains a score that is not a finite number'],
    ['class-number', [[1], [3]], 'the class number 3 has no label'],
    ['class-number', [[-1]], 'the class number -1 has no label'],
    ['finite-or-not', [[0], [0]], 'the output shape [1, 1] does not match 2 row(s)'],
    ['gather', [[0], [2]], 'the model failed'],
  ])('%s, %j: %s', async (model, rows, reason) => {
    const { body } = await service
      .predict(model, rows, '?scores=true')
      .expect(422)
      .expect('content-type', 'application/problem+json');

    expect(body.code).toBe('invalid_model_output');
    expect(body.detail).toBe(`The model returned no usable output for these rows: ${reason}.`);
    expect(JSON.stringify(body)).not.toMatch(/indices|node/i);
  });
});

describe('?scores=true', () => {
  test.each<[string, number[][], unknown[], unknown[]]>([
    ['per-class', [[0.25, 0.5, 0.25]], ['b'], ['a', 'b', 'c']],
    [
      'unlabelled',
      [
        [0.25, 0.5, 0.25],
        [1, 0, 0],
      ],
      [1, 0],
      [0, 1, 2],
    ],
    ['positive', [[0.75]], ['yes'], ['no', 'yes']],
    ['threshold', [[-0.75], [1]], ['out', 'in'], ['in', 'out']],
    ['value', [[1.5]], [1.5], []],
    [
      'one-row',
      [
        [1, 2],
        [3, 4],
      ],
      [
        [1, 2],
        [3, 4],
      ],
      [],
    ],
  ])('200: %s adds classes, and one list of scores per row', async (model, rows, predictions, classes) => {
    const { body } = await service.predict(model, rows, '?scores=true').expect(200);

    expect(body).toEqual({ model, version: '1', predictions, classes, scores: rows });
  });

  test('200: scores=false is the default', async () => {
    const { body } = await service.predict('value', [[1]], '?scores=false').expect(200);

    expect(body).toEqual({ model: 'value', version: '1', predictions: [1] });
  });

  test.each(['?scores=1', '?scores=', '?scores=yes', '?scores=true&scores=true', '?score=true'])(
    '400: the invalid query %s',
    async (query) => {
      const { body } = await service.predict('value', [[1]], query).expect(400);

      expect(body.code).toBe('invalid_query');
    },
  );
});
