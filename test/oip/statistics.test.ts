import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { withoutModelNames, type ObservedRun } from '../../mlapi/inference/observer.ts';
import { RunStatistics } from '../../mlapi/oip/statistics.ts';
import { good, refusal, withContract } from '../support/broken-folders.ts';
import { identityModel } from '../support/onnx-builder.ts';
import { startService, type TestService } from '../support/service.ts';
import { allScopes, ask } from '../support/ask.ts';
import { upload } from '../support/uploads.ts';

const run = (model: string, rows = 1, more: Partial<ObservedRun> = {}): ObservedRun => {
  const seconds = { queueSeconds: 0.25, runSeconds: 0.5 };
  return { model, version: '1', executor: 'child', requests: 1, rows, outcome: 'ok', ...seconds, ...more };
};

describe('the statistics of one process', () => {
  test('follow the extension: requests, rows, runs and their times', () => {
    const statistics = new RunStatistics(() => 42);

    statistics.ran(run('a', 3, { requests: 2 }));
    statistics.ran(run('a', 33));
    statistics.ran(run('a', 1, { outcome: 'failed' }));
    const a = { model: 'a', version: '1' };
    statistics.answered(a, { isGood: true, seconds: 2 });
    statistics.answered(a, { isGood: true, seconds: 0.25 });
    statistics.answered(a, { isGood: false, seconds: 0.75 });
    statistics.shed(a);

    const times = (count: number, seconds: number) => ({ count, ns: seconds * 1e9 });
    expect(statistics.of('a', '1')).toMatchObject({
      ...{ name: 'a', version: '1', last_inference: 42, inference_count: 36, execution_count: 2 },
      inference_stats: {
        ...{ success: times(2, 2.25), fail: times(2, 0.75), queue: times(3, 0.75) },
        compute_infer: times(3, 1.5),
      },
      batch_stats: [{ batch_size: 3 }, { batch_size: 64, compute_infer: times(1, 0.5) }],
    });
    expect(statistics.of('b', '1')).toMatchObject({ inference_count: 0, batch_stats: [] });
  });

  test('drop unloaded models when a new model arrives', () => {
    const statistics = new RunStatistics(Date.now);
    const served = ['a'];
    statistics.forgetAllBut(() => served.map((name) => ({ contract: { name, version: '1' } })));
    for (const model of ['a', 'b', 'c']) statistics.ran(run(model));

    const counts = ['a', 'b', 'c'].map((model) => statistics.of(model, '1').inference_count);

    expect(counts).toEqual([1, 0, 1]);
  });

  test('show model names, while metrics replace clients’ names with a label', () => {
    const told: string[] = [];
    const observer = withoutModelNames({
      ran: ({ model }) => told.push(model),
      shed: ({ version }) => told.push(version),
    });

    observer.ran(run('secret'));
    observer.shed({ model: 'secret', version: '1' });

    expect(told).toEqual(['uploaded', '']);
  });
});

describe('over HTTP', () => {
  let service: TestService;
  let token: string;
  beforeAll(async () => {
    service = await startService();
    token = (await service.newClient(undefined, allScopes)).tokens.access_token;
    await upload(service, token, ['brought', '1'], { model: identityModel(2) });
  });
  afterAll(() => service.close());

  const statistics = async (path: string, by = token) => {
    const { body } = await ask(service, by, ['GET', `/v2/models/${path}`]);
    return body.model_stats as { name: string; inference_count: number }[];
  };

  test('200: metadata, readiness and statistics of a model do not load it', async () => {
    await upload(service, token, ['idle', '1'], { model: identityModel(2) });
    for (const path of ['', '/ready', '/stats', '/versions/1'])
      expect((await ask(service, token, ['GET', `/v2/models/idle${path}`])).status).toBe(200);
    expect((await ask(service, token, ['GET', '/v2/models/idle/versions/2/ready'])).status).toBe(404);
    expect(service.services.modelStore.store.loaded().map(({ contract }) => contract.name)).not.toContain('idle');
  });

  test('200: uploaded models are counted by name, and visible to clients that may read them', async () => {
    const predict = () =>
      ask(service, token, ['POST', '/api/models/brought/predict'], {
        json: [
          [1, 2],
          [3, 4],
          [5, 6],
        ],
      });
    expect((await predict()).status).toBe(200);
    const [before] = await statistics('brought/stats');
    expect((await predict()).status).toBe(200);

    const [after] = await statistics('brought/versions/1/stats');
    expect(after!.inference_count).toBe(before!.inference_count + 3);
    expect((await statistics('stats')).map(({ name }) => name)).toContain('brought');
    const narrow = (await service.newClient(undefined, ['models:read:nsl-*'])).tokens.access_token;
    expect((await statistics('stats', narrow)).map(({ name }) => name)).toEqual([
      'nsl-kdd-anomaly',
      'nsl-kdd-classifier',
    ]);
  });

  test('409: no model may be named stats, uploaded or in a folder', async () => {
    const answer = await upload(service, token, ['stats', '1'], { model: identityModel(2) });

    expect(answer).toMatchObject({ status: 409, body: { code: 'name_is_reserved' } });
    expect(await refusal({ m: withContract({ name: 'stats' }) })).toMatch(/^\/m\/model\.json: .*"name"/);
    expect(await refusal({ stats: { onnx: good.onnx } })).toMatch(/^\/stats: .*"name"/);
  });
});
