import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { contractOf, startModels, type ModelService } from '../support/model-folders.ts';

interface Expected {
  readonly rows: number[][];
  readonly labels?: (string | number)[];
  readonly values?: number[];
}

const fixtures = join('test', 'fixtures');
const onnx = (name: string) => readFileSync(join(fixtures, name, 'model.onnx'));
const expectedOf = (name: string) =>
  JSON.parse(readFileSync(join(fixtures, name, 'expected.json'), 'utf8')) as Expected;

const flower = ['sepal_length', 'sepal_width', 'petal_length', 'petal_width'].map((name) => {
  return { name, type: 'number', min: 0, unit: 'cm' };
});
const species = ['setosa', 'versicolor', 'virginica'];
const body = Array.from({ length: 10 }, (_, index) => ({ name: `f${index}`, type: 'number' }));
const iris = expectedOf('iris');
const named = expectedOf('iris-named');
const diabetes = expectedOf('diabetes');

/** Models as scikit-learn's converter writes them by default, with and without a contract. */
let service: ModelService;
beforeAll(async () => {
  const classes = (labels: readonly string[]) => ({ output: { kind: 'class_scores', labels } });
  service = await startModels({
    iris: { onnx: onnx('iris') },
    'iris-labelled': {
      onnx: onnx('iris'),
      contract: contractOf('iris-labelled', flower, classes(species)),
    },
    'iris-named': { onnx: onnx('iris-named') },
    'iris-named-contract': {
      onnx: onnx('iris-named'),
      contract: contractOf('iris-named-contract', flower, classes(species)),
    },
    diabetes: { onnx: onnx('diabetes') },
    'diabetes-contract': { onnx: onnx('diabetes'), contract: contractOf('diabetes-contract', body) },
  });
});
afterAll(() => service.close());

describe('200: a third-party model', () => {
  test.each<[string, readonly number[][], readonly unknown[]]>([
    ['iris', iris.rows, iris.labels!],
    ['iris-labelled', iris.rows, iris.labels!.map((number) => species[Number(number)])],
    ['iris-named', named.rows, named.labels!],
    ['iris-named-contract', named.rows, named.labels!],
    ['diabetes-contract', diabetes.rows, diabetes.values!.map((value) => Math.fround(value))],
    // The file does not say that it is a regression; without model.json, values are truncated to class numbers.
    ['diabetes', diabetes.rows, diabetes.values!.map(Math.trunc)],
  ])('%s predicts like the Python runtime', async (model, rows, predictions) => {
    expect(rows).toHaveLength(30);

    const { body: answer } = await service.predict(model, rows).expect(200);

    expect(answer).toEqual({ model, version: '1', predictions });
  });

  test('named rows use the names of the contract, or f0, f1, ... without one', async () => {
    const row = iris.rows[0]!;
    const byName = Object.fromEntries(flower.map(({ name }, index) => [name, row[index]]));
    const byIndex = Object.fromEntries(row.map((cell, index) => [`f${index}`, cell]));

    const withContract = await service.predict('iris-labelled', byName).expect(200);
    const without = await service.predict('iris', byIndex).expect(200);

    expect([withContract.body.predictions, without.body.predictions]).toEqual([['setosa'], [0]]);
  });

  test('as the only model, it is served by /api/ml', async () => {
    const alone = await startModels({ iris: { onnx: onnx('iris') } });
    const { tokens } = await alone.newClient();

    const { body: answer } = await alone.http
      .post('/api/ml')
      .set('authorization', `Bearer ${tokens.access_token}`)
      .send(iris.rows)
      .expect(200);

    expect(answer).toEqual({ model: 'iris', version: '1', predictions: iris.labels });
    await alone.close();
  });

  test('its metadata describes inputs, outputs and features', async () => {
    const { body: information } = await service.information('iris').expect(200);

    expect(information).toMatchObject({
      name: 'iris',
      version: '1',
      platform: 'onnx_onnxv1',
      inputs: [{ name: 'X', datatype: 'FP32', shape: [-1, 4] }],
      outputs: [{ name: 'output_label', datatype: 'INT64', shape: [-1] }],
      sample: { f0: 0, f1: 0, f2: 0, f3: 0 },
      classes: [],
    });
    expect(information.features).toHaveLength(4);
  });
});

describe('400: requests that do not fit', () => {
  test.each(['iris', 'iris-named', 'diabetes'])('%s rejects a row of another width', async (model) => {
    const { body: problem } = await service.predict(model, [[1, 2, 3]]).expect(400);

    expect(problem.errors[0].pointer).toBe('/0');
  });

  test('a model that returns labels has no scores', async () => {
    const { body: problem } = await service.predict('iris-named', iris.rows, '?scores=true').expect(400);

    expect(problem.code).toBe('no_scores');
  });

  test('422: a label that is not in the contract is not returned', async () => {
    const output = { kind: 'class_scores', labels: ['setosa', 'versicolor'] };
    const narrow = await startModels({
      narrow: { onnx: onnx('iris-named'), contract: contractOf('narrow', flower, { output }) },
    });

    await narrow.predict('narrow', iris.rows.slice(0, 1)).expect(200);
    await narrow.predict('narrow', iris.rows).expect(422);

    await narrow.close();
  });
});
