import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Predictor } from '../../../mlapi/inference/serving/predictor.ts';
import { ServedModel } from '../../../mlapi/models/traffic/served-model.ts';
import type { Traffic } from '../../../mlapi/models/traffic/traffic.ts';
import { contractOf, writeModelFolders } from '../../support/model-folders.ts';
import { identityModel } from '../../support/onnx-builder.ts';
import { startService, type TestService } from '../../support/service.ts';

let service: TestService;
let traffic: Traffic;
let predictor: Predictor;
beforeAll(async () => {
  const contract = contractOf('m', [{ name: 'a', type: 'number' }]);
  service = await startService({ MLAPI_MODELS_DIR: writeModelFolders({ m: { onnx: identityModel(1), contract } }) });
  ({ traffic } = service.services.modelStore);
  predictor = service.services.predictors.get('m');
});
afterAll(() => service.close());

/** Requests to `m` by role, from the metrics. */
function answered(): Record<string, number> {
  const requests = traffic.metrics().find(({ name }) => name === 'mlapi_traffic_requests_total');
  const own = requests!.values.filter(({ labels }) => labels.model === 'm' && labels.outcome === 'ok');
  return Object.fromEntries(own.map(({ labels, value }) => [String(labels.role), value]));
}

async function beginPeriod(): Promise<void> {
  service.clock.advanceSeconds(600);
  await traffic.write();
}

describe('a served model', () => {
  test('is decorated once, not for each request', () => {
    const { predictors } = service.services;
    const first = predictors.serve('m', undefined, 'ada');
    expect(predictors.serve('m', '1', 'bob')).toBe(first);
    expect(predictors.serveDefault()).toBe(first);
    expect(first).not.toBe(predictor);
  });

  test('keeps its shadow until an alias changes the version or share; each role has its own', () => {
    const served = new ServedModel(predictor, traffic);
    const find = () => Promise.reject(new Error('nobody asked'));
    const shadow = { id: 'a', version: '2', share: 0.5 };
    const first = served.shadowedBy(shadow, 'primary', find);

    expect(served.shadowedBy({ ...shadow }, 'primary', find)).toBe(first);
    expect(served.shadowedBy(shadow, 'canary', find)).not.toBe(first);
    expect(served.shadowedBy({ ...shadow, share: 0.6 }, 'primary', find)).not.toBe(first);
    expect(served.shadowedBy({ ...shadow, id: 'b' }, 'primary', find)).not.toBe(first);
  });

  test('is counted in each role, and as a shadow from the first request that could use it', async () => {
    const served = new ServedModel(predictor, traffic);
    const before = answered();
    await served.canary.predict([[1]]);
    await served.primary.predict([[1]]);
    const never = { id: 'a', version: '1', share: 0 };
    await served.shadowedBy(never, 'primary', () => Promise.resolve(served)).predict([[1]]);
    expect(answered()).toEqual({ primary: (before.primary ?? 0) + 2, canary: 1, shadow: 0 });
  });

  test('that is idle for a period is dropped if there are over a thousand others, and counted anew from its next request', async () => {
    const { primary } = new ServedModel(predictor, traffic);
    await primary.predict([[1]]);
    await beginPeriod();
    const before = answered().primary!;
    await primary.predict([[1]]);
    expect(answered().primary).toBe(before + 1);

    await beginPeriod();
    for (let version = 2; version < 1_003; version += 1)
      traffic.counter({ name: 'other', version: String(version) }, 'primary').current();
    await beginPeriod();
    expect(answered()).toEqual({});

    await primary.predict([[1]]);
    expect(answered()).toEqual({ primary: 1 });
  });
});
