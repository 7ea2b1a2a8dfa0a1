import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { isCanaryClient } from '../../../mlapi/models/catalog/resolver.ts';
import { constantModel, identityModel } from '../../support/onnx-builder.ts';
import { startService, temporaryFolder, type TestService } from '../../support/service.ts';
import type { Traffic } from '../../support/traffic.ts';
import { allScopes, ask } from '../../support/ask.ts';
import { filesOf, upload } from '../../support/uploads.ts';

let service: TestService;
let owner: string;
beforeAll(async () => {
  service = await startService();
  owner = await tokenOf('owner');
});
afterAll(() => service.close());

const tokenOf = async (name: string) => (await service.newClient(name, allScopes)).tokens.access_token;
/** A model that always predicts this class. */
const answering = (prediction: number) => constantModel({ type: 'int64', shape: [1], values: [BigInt(prediction)] }, 1);
/** Versions 1, 2, ... of a model, each of which predicts its own number. */
const addVersions = async (name: string, models: readonly Buffer[]) => {
  for (const [index, model] of models.entries())
    expect((await upload(service, owner, [name, String(index + 1)], { model })).status).toBe(201);
};
const point = (name: string, alias: string, target: object) =>
  ask(service, owner, ['PUT', `/api/models/${name}/aliases/${alias}`], { json: target });
const predict = (path: string, { token = owner, rows = [[0]] as unknown[][] } = {}) =>
  ask(service, token, ['POST', `/api/models/${path}/predict`], { json: rows });

const trafficOf = async (name: string, at = service) => {
  const { status, body } = await ask(at, owner, ['GET', `/api/models/${name}/traffic`]);
  expect(status).toBe(200);
  return body as unknown as Traffic;
};
const until = async (holds: () => Promise<boolean>) => {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 20));
};

describe('a canary', () => {
  test('200: each client always gets the same version, and the canary’s share of clients gets the canary', async () => {
    await addVersions('canaried', [answering(1), answering(2)]);
    expect((await point('canaried', 'a', { version: '1', canary: { version: '2', share: 0.5 } })).body).toMatchObject({
      version: '1',
      canary: { version: '2', share: 0.5 },
      shadow: null,
    });
    const tokens = await Promise.all(Array.from({ length: 6 }, (_, index) => tokenOf(`caller-${index}`)));

    const first = await Promise.all(tokens.map((token) => predict('canaried/versions/@a', { token })));
    const again = await Promise.all(tokens.map((token) => predict('canaried/versions/@a', { token })));

    expect(first.map(({ status }) => status)).toEqual(Array(6).fill(200));
    for (const { body } of first) expect(body.predictions).toEqual([Number(body.version)]);
    expect(again.map(({ body }) => body.version)).toEqual(first.map(({ body }) => body.version));
    const canaries = first.filter(({ body }) => body.version === '2').length;
    const { versions } = await trafficOf('canaried');
    expect(versions.find(({ role }) => role === 'canary')?.requests.ok ?? 0).toBe(2 * canaries);
    expect(versions.find(({ role }) => role === 'primary')?.requests.ok ?? 0).toBe(2 * (6 - canaries));
  });

  test('200: with share 1 it serves all clients, with share 0 none; a change applies from one request to the next', async () => {
    await addVersions('switched', [answering(1), answering(2)]);
    await point('switched', 'default', { version: '1', canary: { version: '2', share: 1 } });
    expect((await predict('switched')).body).toMatchObject({ version: '2', predictions: [2] });

    await point('switched', 'default', { version: '1', canary: { version: '2', share: 0 } });

    await until(async () => (await predict('switched')).body.version === '1');
  });

  test('gets its share of many clients, and a larger share keeps those and adds more', () => {
    const clients = Array.from({ length: 10_000 }, (_, index) => `client-${index}`);
    const among = (share: number, alias = 'a') => {
      const canary = { version: '2', share, id: '' };
      const target = { model: 'm', alias, canary } as Parameters<typeof isCanaryClient>[0];
      return new Set(clients.filter((client) => isCanaryClient(target, client)));
    };
    const [tenth, fifth] = [among(0.1), among(0.2)];

    expect(tenth.size).toBeGreaterThan(900);
    expect(tenth.size).toBeLessThan(1_100);
    expect([...tenth].every((client) => fifth.has(client))).toBe(true);
    expect(fifth.size).toBeGreaterThan(1_800);
    // Another alias selects other clients, so that no client gets every canary.
    expect([...among(0.1, 'b')].filter((client) => tenth.has(client)).length).toBeLessThan(200);
  });

  test('400: invalid shares; 404: unknown versions; 409: retiring a version in use', async () => {
    await addVersions('refused', [answering(1), answering(2), answering(3)]);
    const wrong = [
      { version: '1', canary: { version: '2' } },
      { version: '1', canary: { version: '2', share: 1.5 } },
      { version: '1', canary: { version: '1', share: 0.5 } },
      { version: '1', shadow: { version: '2', share: -1 } },
      { version: '1', canary: { version: '2', share: 0.5, more: 1 } },
    ];
    for (const target of wrong) expect(await point('refused', 'a', target)).toMatchObject({ status: 400 });
    expect((await point('refused', 'a', { version: '1', canary: { version: '9', share: 0.5 } })).status).toBe(404);
    expect((await point('refused', 'a', { version: '1', shadow: { version: '9', share: 0.5 } })).status).toBe(404);

    const used = { version: '1', canary: { version: '2', share: 0 }, shadow: { version: '3', share: 0 } };
    expect((await point('refused', 'a', used)).status).toBe(200);
    for (const version of ['1', '2', '3'])
      expect((await ask(service, owner, ['DELETE', `/api/models/refused/versions/${version}`])).status).toBe(409);
  });
});

describe('a shadow', () => {
  test('200: responses come from the version, and disagreements of the shadow are counted', async () => {
    await addVersions('shadowed', [identityModel(1), constantModel({ type: 'float32', shape: [1], values: [1] }, 1)]);
    await point('shadowed', 'default', { version: '1', shadow: { version: '2', share: 1 } });

    for (const value of [0, 1, 1, 1])
      expect((await predict('shadowed', { rows: [[value]] })).body).toMatchObject({
        version: '1',
        predictions: [value],
      });

    await until(async () => (await trafficOf('shadowed')).versions.some(({ comparison }) => comparison?.rows === 4));
    const { versions } = await trafficOf('shadowed');
    expect(versions).toMatchObject([
      { version: '1', role: 'primary', requests: { ok: 4, refused: 0, failed: 0 }, rows: 4 },
      {
        version: '2',
        role: 'shadow',
        requests: { ok: 4, failed: 0, skipped: 0 },
        comparison: { rows: 4, disagreements: 1, share: 0.25 },
      },
    ]);
    expect(versions[0]!.seconds.p99).toBeGreaterThan(0);
  });

  /** Sends one request to a model with a shadow that does the same. */
  async function mirror(name: string, rows: number, path: string, sent: Parameters<typeof ask>[3]) {
    await addVersions(name, [identityModel(1), identityModel(1)]);
    await point(name, 'default', { version: '1', shadow: { version: '2', share: 1 } });

    expect((await ask(service, owner, ['POST', path], sent)).status).toBe(200);

    await until(async () => (await trafficOf(name)).versions.some(({ comparison }) => comparison?.rows === rows));
    const { versions } = await trafficOf(name);
    expect(versions[1]).toMatchObject({ requests: { ok: 1 }, comparison: { disagreements: 0 } });
  }

  test('200: raw tensors are mirrored too', async () => {
    const inputs = [{ name: 'x', datatype: 'FP32', shape: [3, 1], data: [0, 1, 1] }];
    await mirror('tensors', 3, '/v2/models/tensors/infer', { json: { inputs } });
  });

  test('200: CSV is mirrored too', async () => {
    const headers = { 'content-type': 'text/csv' };
    await mirror('tables', 2, '/api/models/tables/predict', { body: 'f0\n1\n0\n', headers });
  });

  test('200: a shadow with another encoding gets the rows as sent; one that fails affects no response', async () => {
    const contract = (categories: string) => ({
      model: identityModel(1),
      contract: {
        name: 'x',
        features: [{ name: 'colour', type: 'category' }],
        encoding: 'encoding.csv',
        output: { kind: 'class_scores' },
      },
      encoding: `column,name,category,encoding\n${categories}`,
    });
    for (const [version, categories] of [
      ['1', '0,colour,red,0\n0,colour,blue,1\n'],
      ['2', '0,colour,red,1\n0,colour,blue,0\n'],
      ['3', '0,colour,green,0\n'],
    ] as const)
      expect((await upload(service, owner, ['colours', version], contract(categories))).status).toBe(201);

    await point('colours', 'default', { version: '1', shadow: { version: '2', share: 1 } });
    expect((await predict('colours', { rows: [['red'], ['blue']] })).body).toMatchObject({ predictions: [0, 1] });
    await until(async () => (await trafficOf('colours')).versions.some(({ comparison }) => comparison?.rows === 2));
    expect((await trafficOf('colours')).versions[1]).toMatchObject({ comparison: { rows: 2, disagreements: 2 } });

    await point('colours', 'b', { version: '1', shadow: { version: '3', share: 1 } });
    expect((await predict('colours/versions/@b', { rows: [['red']] })).status).toBe(200);
    await until(async () =>
      (await trafficOf('colours')).versions.some(({ version, requests }) => version === '3' && requests.refused === 1),
    );
  });

  test('a share of 0 mirrors nothing', async () => {
    await addVersions('unmirrored', [answering(1), answering(2)]);
    await point('unmirrored', 'default', { version: '1', shadow: { version: '2', share: 0 } });

    for (let sent = 0; sent < 5; sent += 1) expect((await predict('unmirrored')).status).toBe(200);

    const { versions } = await trafficOf('unmirrored');
    expect(versions).toMatchObject([{ role: 'primary', requests: { ok: 5 } }]);
  });
});

describe('GET /api/models/{name}/traffic', () => {
  test('200: counts errors by cause, for shipped models too', async () => {
    await predict('nsl-kdd-classifier', { rows: [[1]] });
    const { sample } = (await ask(service, owner, ['GET', '/api/ml'])).body;
    await ask(service, owner, ['POST', '/api/ml'], { json: sample });

    expect((await trafficOf('nsl-kdd-classifier')).versions).toMatchObject([
      { version: '1', role: 'primary', requests: { ok: 1, refused: 1, failed: 0 }, rows: 1 },
    ]);
  });

  test('200: sums all processes of a database, and survives a restart', async () => {
    const dataDir = temporaryFolder();
    const model = 'nsl-kdd-anomaly';
    const { sample } = (await ask(service, owner, ['GET', `/api/models/${model}`])).body;
    const send = async (to: TestService, token: string) =>
      expect((await ask(to, token, ['POST', `/api/models/${model}/predict`], { json: sample })).status).toBe(200);
    const one = await startService({}, { dataDir });
    const two = await startService({}, { dataDir });
    const { tokens } = await one.newClient('somebody', allScopes);
    const token = tokens.access_token;
    const read = async (from: TestService) =>
      (await ask(from, token, ['GET', `/api/models/${model}/traffic`])).body as unknown as Traffic;
    await send(one, token);
    await send(two, token);
    await send(two, token);
    await two.close();

    expect((await read(one)).versions).toMatchObject([{ requests: { ok: 3 } }]);
    await one.close();

    const three = await startService({}, { dataDir });
    await send(three, token);
    expect((await read(three)).versions).toMatchObject([{ requests: { ok: 4 } }]);
    await three.close();
  });

  test('200: counts only the requested minutes; after a day the counts are deleted', async () => {
    const dataDir = temporaryFolder();
    const aged = await startService({ MLAPI_ACCESS_TTL_SECONDS: '86400' }, { dataDir });
    const { tokens } = await aged.newClient('somebody', allScopes);
    const token = tokens.access_token;
    const model = 'nsl-kdd-anomaly';
    const { sample } = (await ask(aged, token, ['GET', `/api/models/${model}`])).body;
    const read = async (minutes: number) => {
      const { body } = await ask(aged, token, ['GET', `/api/models/${model}/traffic?minutes=${minutes}`]);
      return (body as unknown as Traffic).versions.map(({ requests }) => requests.ok);
    };
    const send = () => ask(aged, token, ['POST', `/api/models/${model}/predict`], { json: sample });
    await send();
    expect(await read(10)).toEqual([1]);
    aged.clock.advanceSeconds(3_600);
    await aged.services.modelStore.traffic.write();
    await send();

    expect(await read(10)).toEqual([1]);
    expect(await read(120)).toEqual([2]);
    aged.clock.advanceSeconds(23 * 3_600 - 60);
    await aged.services.modelStore.traffic.write();
    await send();
    expect(await read(1_440)).toEqual([3]);
    aged.clock.advanceSeconds(1_200);
    await aged.services.modelStore.traffic.write();
    const kept = aged.services.database.selectFrom('model_traffic').select('at').where('kind', '=', 'primary');
    expect(await kept.execute()).toHaveLength(2);
    await aged.close();
  });

  test('404: unknown models; 400: invalid minutes', async () => {
    const status = async (path: string) => (await ask(service, owner, ['GET', path])).status;
    expect(await status('/api/models/nothing/traffic')).toBe(404);
    expect(await status('/api/models/nsl-kdd-classifier/traffic?minutes=0')).toBe(400);
    expect(await status('/api/models/nsl-kdd-classifier/traffic?minutes=x')).toBe(400);
  });
});

test('metrics are labelled by version, and include the disagreements of shadows', async () => {
  const metered = await startService({ MLAPI_METRICS_PORT: '0' });
  try {
    const token = (await metered.newClient('somebody', allScopes)).tokens.access_token;
    const files = filesOf(join(process.cwd(), 'resources/models/nsl-kdd-anomaly'));
    for (const version of ['1', '2'])
      expect((await upload(metered, token, ['metered', version], files)).status).toBe(201);
    const alias = { version: '1', shadow: { version: '2', share: 1 } };
    await ask(metered, token, ['PUT', '/api/models/metered/aliases/default'], { json: alias });
    await ask(metered, token, ['POST', '/api/models/metered/predict'], { json: files.sample });

    const values = () =>
      metered.services.modelStore.traffic
        .metrics()
        .flatMap(({ name, values: cells }) =>
          cells.map(({ labels, value, metricName }) => ({ name: metricName ?? name, ...labels, value })),
        );
    await until(() => Promise.resolve(values().some(({ name }) => name === 'mlapi_traffic_compared_rows_total')));
    const labels = { model: 'metered', version: '1', role: 'primary' };
    expect(values()).toContainEqual({ name: 'mlapi_traffic_requests_total', ...labels, outcome: 'ok', value: 1 });
    expect(values()).toContainEqual({ name: 'mlapi_traffic_duration_seconds_count', ...labels, value: 1 });
    const shadow = { model: 'metered', version: '2', role: 'shadow' };
    expect(values()).toContainEqual({ name: 'mlapi_traffic_compared_rows_total', ...shadow, value: 1 });
    expect(values()).toContainEqual({ name: 'mlapi_traffic_disagreeing_rows_total', ...shadow, value: 0 });
  } finally {
    await metered.close();
  }
});
