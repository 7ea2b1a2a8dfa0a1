import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { startModels, type ModelService } from '../support/model-folders.ts';
import { readConnections, type Connection } from '../support/nsl-kdd.ts';

interface Few {
  readonly labels: string[];
  readonly scores: number[][];
}
interface Full {
  readonly rows: number;
  readonly correct: number;
  readonly modelSha256: string;
  readonly labelsSha256: string;
  readonly classNumbers: string;
}
interface ContractFile {
  readonly output: { readonly labels: string[] };
  readonly metrics: { readonly accuracy: number; readonly correct: number; readonly rows: number };
}

const models = ['nsl-kdd-classifier', 'nsl-kdd-anomaly'];
const fixtures = join('test', 'fixtures', 'nsl-kdd');
const few = readJson(join(fixtures, 'rows.expected.json')) as Record<string, Few>;
const full = readJson(join(fixtures, 'full.expected.json')) as Record<string, Full>;
const contracts = Object.fromEntries(
  models.map((name) => [name, readJson(join('resources', 'models', name, 'model.json')) as ContractFile]),
);

const dataPath = join('..', 'shared', 'data', 'nsl-kdd', 'test.csv');
const hasData = existsSync(dataPath);
const fullTest = hasData ? test : test.skip;
if (!hasData) console.warn(`${dataPath} is not there: the models are not measured on their whole test set.`);

let service: ModelService;
beforeAll(async () => {
  // 10,000 rows of 41 cells are about 1.7 MB.
  const variables = { MLAPI_BODY_LIMIT_BYTES: '16777216' };
  service = await startModels(join('resources', 'models'), variables);
});
afterAll(() => service.close());

describe.each(models)('%s', (model) => {
  const { labels } = contracts[model]!.output;
  /** The label of the data set, as the model's class. */
  const truth = ({ category }: Connection) =>
    labels.includes('outlier') ? (category === 'normal' ? 'inlier' : 'outlier') : category;

  test('is the file from which the Python runtime computed the expected values', () => {
    const bytes = readFileSync(join('resources', 'models', model, 'model.onnx'));

    expect(createHash('sha256').update(bytes).digest('hex')).toBe(full[model]!.modelSha256);
    expect(bytes.length).toBeLessThan(5_000_000);
  });

  test('model.json states the measured accuracy', () => {
    const { accuracy, correct, rows } = contracts[model]!.metrics;

    expect({ correct, rows }).toEqual({ correct: full[model]!.correct, rows: full[model]!.rows });
    expect(accuracy).toBe(correct / rows);
  });

  test('200: 200 connections get the labels and scores of the Python runtime', async () => {
    const connections = readConnections(join(fixtures, 'rows.csv'));
    const lists = connections.map(({ list }) => list);
    const named = connections.map((connection) => connection.named);

    const { body } = await service.predict(model, lists, '?scores=true').expect(200);
    const { body: sameByName } = await service.predict(model, { instances: named }, '?scores=true').expect(200);

    const expected = few[model]!;
    expect(body.predictions).toEqual(expected.labels);
    expect(body.classes).toEqual(labels);
    expect(maximumDifference(body.scores as number[][], expected.scores)).toBeLessThan(1e-6);
    expect(sameByName).toEqual(body);
  });

  fullTest('200: the accuracy on the whole test set is the one in model.json', async () => {
    const connections = readConnections(dataPath);
    const lists = connections.map(({ list }) => list);
    const expected = Array.from(full[model]!.classNumbers, (number) => labels[Number(number)]);
    const predictions: string[] = [];

    for (let start = 0; start < lists.length; start += 10_000) {
      const { body } = await service.predict(model, lists.slice(start, start + 10_000)).expect(200);
      predictions.push(...(body.predictions as string[]));
    }
    const single: string[] = [];
    for (const list of lists.slice(0, 200)) {
      const { body } = await service.predict(model, [list]).expect(200);
      single.push(...(body.predictions as string[]));
    }

    expect(predictions).toEqual(expected);
    expect(single).toEqual(expected.slice(0, 200));
    expect(createHash('sha256').update(predictions.join('\n')).digest('hex')).toBe(full[model]!.labelsSha256);
    const correct = connections.filter((connection, row) => predictions[row] === truth(connection)).length;
    expect(correct).toBe(contracts[model]!.metrics.correct);
    expect(correct / predictions.length).toBe(contracts[model]!.metrics.accuracy);
  });
});

test('200: the default model is the classifier, and it accepts its own sample', async () => {
  const { body: information } = await service.information('nsl-kdd-classifier').expect(200);

  const { body } = await service.predict('nsl-kdd-classifier', information.sample).expect(200);

  expect(service.services.predictors.default().contract.name).toBe('nsl-kdd-classifier');
  expect(contracts['nsl-kdd-classifier']!.output.labels).toContain(body.predictions[0]);
});

test('200: an unknown network service is encoded as OTHER', async () => {
  const { body: information } = await service.information('nsl-kdd-classifier').expect(200);
  const sample = information.sample as Record<string, unknown>;
  const rows = ['OTHER', 'other', 'gopher-over-quic'].map((name) => ({ ...sample, service: name }));

  const { body } = await service.predict('nsl-kdd-classifier', rows, '?scores=true').expect(200);

  expect(body.scores[1]).toEqual(body.scores[0]);
  expect(body.scores[2]).toEqual(body.scores[0]);
});

function maximumDifference(given: readonly number[][], expected: readonly number[][]): number {
  expect(given.map((row) => row.length)).toEqual(expected.map((row) => row.length));
  return Math.max(...given.flatMap((row, at) => row.map((score, column) => Math.abs(score - expected[at]![column]!))));
}

function readJson(path: string): unknown {
  return JSON.parse(readFileSync(path, 'utf8'));
}
