import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { run } from '../../../mlapi/cli/commands.ts';
import { readConfig } from '../../../mlapi/configuration.ts';
import { Predictor } from '../../../mlapi/inference/serving/predictor.ts';
import type { Contract } from '../../../mlapi/inference/contract/types.ts';
import { edgesDigest } from '../../../mlapi/models/traffic/input-bins.ts';
import { TrafficSum } from '../../../mlapi/models/traffic/report.ts';
import { identityModel } from '../../support/onnx-builder.ts';
import { startService, temporaryFolder, type TestService } from '../../support/service.ts';
import type { Traffic } from '../../support/traffic.ts';
import { allScopes, ask } from '../../support/ask.ts';
import { upload } from '../../support/uploads.ts';

let service: TestService;
let owner: string;
beforeAll(async () => {
  service = await startService();
  owner = (await service.newClient('owner', allScopes)).tokens.access_token;
});
afterAll(() => service.close());

const predict = (path: string, rows: unknown) =>
  ask(service, owner, ['POST', `/api/models/${path}/predict`], { json: rows });
const inputsOf = async (name: string) =>
  ((await ask(service, owner, ['GET', `/api/models/${name}/traffic`])).body as unknown as Traffic).inputs;

test('counts for another reference are left out, without an error', () => {
  const features = [{ name: 'a', type: 'number' }] as never;
  const now = { features, reference: { a: { edges: [0], shares: [0.5, 0.5] } } };
  const edges = edgesDigest(now);
  const record = (rows: number, bins: number[][], by = edges) =>
    ({ model: 'm', version: '1', at: 0, kind: 'inputs', counts: { edges: by, rows, bins } }) as const;
  const before = edgesDigest({ features, reference: { a: { edges: [1], shares: [0.5, 0.5] } } });
  const drift = async (...records: ReturnType<typeof record>[]) => {
    const sum = new TrafficSum();
    for (const each of records) sum.add(each);
    return sum.inputs(() => Promise.resolve(now as never));
  };
  return expect(
    Promise.all([
      drift(record(500, [[400, 100]], before), record(200, [[100, 100]]), record(90, [[90, 0]], before)),
      drift(record(200, [[100, 100]]), record(100, [[50, 50]])),
      drift(record(500, [[250, 250]], before)),
    ]),
  ).resolves.toEqual([
    [{ version: '1', rows: 200, drift: [{ name: 'a', psi: 0 }] }],
    [{ version: '1', rows: 300, drift: [{ name: 'a', psi: 0 }] }],
    [],
  ]);
});

describe('drift', () => {
  /** Half of the values up to 0, half of them above. */
  const reference = { f0: { edges: [0], shares: [0.5, 0.5] } };
  const watched = (more: object = {}) => ({
    model: identityModel(1),
    contract: { name: 'x', features: [{ name: 'f0', type: 'number' }], output: { kind: 'values' }, ...more },
  });
  const rowsOf = (share: number) => Array.from({ length: 20 }, (_, row) => [row < 20 * share ? -1 : 1]);

  test('200: the population stability index per feature, once there are a hundred rows', async () => {
    expect((await upload(service, owner, ['drifting', '1'], watched({ reference }))).status).toBe(201);
    await predict('drifting', rowsOf(0.5));
    expect(await inputsOf('drifting')).toEqual([{ version: '1', rows: 20, drift: null }]);
    for (let sent = 0; sent < 4; sent += 1) await predict('drifting', rowsOf(0.5));

    expect(await inputsOf('drifting')).toEqual([{ version: '1', rows: 100, drift: [{ name: 'f0', psi: 0 }] }]);
    for (let sent = 0; sent < 5; sent += 1) await predict('drifting', rowsOf(1));

    // 150 of 200 rows are in the first bin: (0.75 - 0.5) ln(0.75 / 0.5) + (0.25 - 0.5) ln(0.25 / 0.5).
    const [feature] = (await inputsOf('drifting'))[0]?.drift ?? [];
    expect(feature?.psi).toBeCloseTo(0.25 * Math.log(1.5) + 0.25 * Math.log(2), 10);
  });

  test('a large request is sampled, evenly', async () => {
    expect((await upload(service, owner, ['large', '1'], watched({ reference }))).status).toBe(201);
    const rows = Array.from({ length: 3_200 }, (_, row) => [row < 1_600 ? -1 : 1]);
    for (let sent = 0; sent < 5; sent += 1) expect((await predict('large', rows)).status).toBe(200);

    const inputs = await inputsOf('large');
    expect(inputs[0]).toMatchObject({ rows: 160 });
    expect(inputs[0]?.drift?.[0]?.psi).toBeLessThan(0.01);
  });

  test.each([
    ['an unknown feature', { other: { edges: [0], shares: [0.5, 0.5] } }],
    ['shares that are too few', { f0: { edges: [0], shares: [1] } }],
    ['shares that do not add up', { f0: { edges: [0], shares: [0.5, 0.4] } }],
    [
      'more bins than are counted',
      { f0: { edges: Array.from({ length: 4_096 }, (_, at) => at), shares: [1, ...Array<number>(4_096).fill(0)] } },
    ],
    ['edges in no order', { f0: { edges: [1, 0], shares: [0.5, 0.25, 0.25] } }],
  ])('422: a reference with %s', async (_, wrong) => {
    const { status, body } = await upload(service, owner, ['misreferenced', '1'], watched({ reference: wrong }));
    expect({ status, code: body.code }).toEqual({ status: 422, code: 'model_refused' });
    expect(body.detail).toMatch(/reference/);
  });
});

describe('models reference', () => {
  const folder = temporaryFolder();
  const rows = join(folder, 'rows.json');
  const contract = {
    name: 'x',
    features: [
      { name: 'size', type: 'number' },
      { name: 'colour', type: 'category' },
      { name: 'new', type: 'boolean' },
    ],
    encoding: 'encoding.csv',
    output: { kind: 'values' },
    reference: { size: { edges: [7], shares: [0.5, 0.5] } },
  };
  const written = () => JSON.parse(readFileSync(join(folder, 'model.json'), 'utf8')) as typeof contract;
  beforeAll(() => {
    writeFileSync(join(folder, 'model.onnx'), identityModel(3));
    writeFileSync(join(folder, 'model.json'), JSON.stringify(contract));
    writeFileSync(join(folder, 'encoding.csv'), 'column,name,category,encoding\n1,colour,red,4\n1,colour,blue,2\n');
  });

  const training = Array.from({ length: 100 }, (_, row) => [row < 40 ? 0 : row, row < 30 ? 'red' : 'blue', false]);
  const expected = {
    size: { edges: [0, 49, 59, 69, 79, 89], shares: [0.4, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1] },
    colour: { edges: [2, 4], shares: [0.7, 0.3, 0] },
    new: { edges: [0], shares: [1, 0] },
  };

  test('writes deciles of numbers, and a bin for each code, in place of the old reference', async () => {
    writeFileSync(rows, JSON.stringify(training));

    await run(['models', 'reference', folder, rows]);

    const { reference, ...others } = written();
    expect(others).toEqual({ ...contract, reference: undefined });
    expect(reference).toEqual(expected);
    expect((await Predictor.load(folder, readConfig())).contract.reference).toEqual(reference);
  });

  test('rows that do not fit the contract are named, and nothing is written', async () => {
    const before = written();
    for (const [text, message] of [
      ['[{"size":1,"colour":"red","new":true,"label":1}]', '/0/label not a feature of this model'],
      ['size', 'rows.json is not JSON'],
    ] as const) {
      writeFileSync(rows, text);
      await expect(run(['models', 'reference', folder, rows])).rejects.toThrow(message);
    }

    expect(written()).toEqual(before);
  });

  test('reads rows as CSV, too', async () => {
    const csv = join(folder, 'training.csv');
    writeFileSync(csv, ['size,colour,new', ...training.map((row) => row.join(','))].join('\n'));

    await run(['models', 'reference', folder, csv]);

    expect(written().reference).toEqual(expected);
  });
});

test('the shipped models have a reference for each of their features', async () => {
  for (const name of ['nsl-kdd-classifier', 'nsl-kdd-anomaly']) {
    const path = join(process.cwd(), 'resources/models', name, 'model.json');
    const { features, reference } = JSON.parse(readFileSync(path, 'utf8')) as Contract;
    expect(Object.keys(reference ?? {})).toEqual(features.map((feature) => feature.name));
  }
  const { sample } = (await ask(service, owner, ['GET', '/api/ml'])).body;
  for (let sent = 0; sent < 4; sent += 1) await predict('nsl-kdd-classifier', Array(32).fill(sample));

  // One repeated row looks nothing like the training data.
  const [inputs] = await inputsOf('nsl-kdd-classifier');
  expect(inputs?.rows).toBe(128);
  expect(inputs?.drift).toHaveLength(41);
  expect(inputs?.drift?.[0]?.psi).toBeGreaterThan(0.25);
});
