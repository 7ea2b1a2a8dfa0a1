import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { contractOf, writeModelFolders } from '../../support/model-folders.ts';
import { identityModel } from '../../support/onnx-builder.ts';
import { startService, type TestService } from '../../support/service.ts';
import { slowFolder } from '../../support/slow-model.ts';

const ratePerMinute = 10;
let service: TestService;
beforeAll(async () => {
  const output = { kind: 'class_scores', scores: 'class-number', labels: ['none', 'one'] };
  const labels = contractOf('labels', [{ name: 'a', type: 'number' }], { output });
  const slow = slowFolder({ name: 'slow', executor: 'child' });
  service = await startService({
    MLAPI_MODELS_DIR: writeModelFolders({ labels: { onnx: identityModel(1), contract: labels }, slow }),
    MLAPI_DEFAULT_MODEL: 'labels',
    MLAPI_PREDICT_TIMEOUT_MS: '500',
    MLAPI_RATE_LIMIT_PER_MINUTE: String(ratePerMinute),
  });
});
afterAll(() => service.close());

async function caller() {
  const { tokens } = await service.newClient();
  return (model: string, body: string) =>
    service.http
      .post(`/api/models/${model}/predict`)
      .set('authorization', `Bearer ${tokens.access_token}`)
      .set('content-type', 'text/csv')
      .set('accept', 'text/csv')
      .serialize((text: unknown) => text as string)
      .send(body);
}

const isProblem = { 'content-type': expect.stringMatching(/^application\/problem\+json/) };

test('422 invalid_model_output: the model fails on CSV rows', async () => {
  const post = await caller();

  const { headers, body } = await post('labels', 'a\n1\n7\n').expect(422);

  expect(headers).toMatchObject(isProblem);
  expect(body).toMatchObject({ code: 'invalid_model_output' });
  await post('labels', 'a\n1\n').expect(200, 'prediction\r\none\r\n');
});

test('504 deadline_exceeded: CSV rows take too long', async () => {
  const post = await caller();

  const { headers, body } = await post('slow', 'a\n5000\n').expect(504);

  expect(headers).toMatchObject(isProblem);
  expect(body).toMatchObject({ code: 'deadline_exceeded' });
});

test('429: CSV over the rate limit is refused unread', async () => {
  const post = await caller();
  for (let count = 0; count < ratePerMinute; count += 1) await post('labels', 'a\n1\n').expect(200);

  const { headers, body } = await post('labels', 'no table at all').expect(429);

  expect(headers).toMatchObject({ ...isProblem, 'retry-after': expect.any(String) });
  expect(body).toMatchObject({ code: 'rate_limited' });
});
