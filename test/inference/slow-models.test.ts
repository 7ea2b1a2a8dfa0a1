import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { contractOf, startModels, type ModelService } from '../support/model-folders.ts';
import { identityModel } from '../support/onnx-builder.ts';
import { slowFolder } from '../support/slow-model.ts';

const features = [{ name: 'a', type: 'number' }];
const timeoutMs = 500;

let service: ModelService;
beforeAll(async () => {
  const slow = slowFolder({ executor: 'child' });
  service = await startModels(
    {
      slow: { ...slow, contract: { ...(slow.contract as object), name: 'slow' } },
      quick: { onnx: identityModel(1), contract: contractOf('quick', features) },
    },
    { MLAPI_PREDICT_TIMEOUT_MS: String(timeoutMs) },
  );
});
afterAll(() => service.close());

describe('POST /api/models/slow/predict', () => {
  test('504: a long computation is stopped, while everything else responds', async () => {
    const began = performance.now();
    const late = service.predict('slow', [[6_000]]).expect(504);
    const answered = late.then(({ body }) => ({ body, afterMs: performance.now() - began }));

    const others = [
      service.predict('quick', [[1]]).expect(200),
      service.http.get('/api/liveness').expect(200),
      service.predict('slow', [['x']]).expect(400),
    ].map((request) => request.then(() => performance.now() - began));
    for (const afterMs of await Promise.all(others)) expect(afterMs).toBeLessThan(timeoutMs);

    const { body, afterMs } = await answered;
    expect(body).toMatchObject({ status: 504, code: 'deadline_exceeded', title: 'Gateway Timeout' });
    expect(afterMs).toBeGreaterThanOrEqual(timeoutMs - 1);
    expect(afterMs).toBeLessThan(timeoutMs + 250);
  });

  test('503: a crash of its process; the next process computes', async () => {
    const predictor = service.services.predictors.get('slow');
    const lost = service.predict('slow', [[6_000]]).expect(503);
    const answered = lost.then(({ body, headers }) => ({ body, retryAfter: headers['retry-after'] }));
    await delay(100);
    for (const { pid } of predictor.sessions().memory) process.kill(pid, 'SIGKILL');

    expect(await answered).toMatchObject({ body: { code: 'temporarily_unavailable' }, retryAfter: '1' });
    for (let status = 0; status !== 200;) ({ status } = await service.predict('slow', [[3]]));
    await expect(service.services.predictors.check()).resolves.toBeUndefined();
  });
});
