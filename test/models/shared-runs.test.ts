import { afterAll, beforeAll, expect, test } from '@jest/globals';
import {
  changedByMallory,
  patientContract,
  quantizedModel,
  readByMallory,
  spyingModel,
  type SharedService,
} from '../support/row-mixing.ts';
import { startService, temporaryFolder } from '../support/service.ts';
import { allScopes } from '../support/ask.ts';
import { upload } from '../support/uploads.ts';

let shared: SharedService;
beforeAll(async () => {
  const service = await startService({ MLAPI_DATA_DIR: temporaryFolder() });
  const mallory = (await service.newClient('mallory', allScopes)).tokens.access_token;
  const victim = (await service.newClient('victim', allScopes)).tokens.access_token;
  for (const [name, model, features] of [
    ['spying', spyingModel, 2],
    ['quantized', quantizedModel, 4],
  ] as const) {
    const contract = patientContract(name, features);
    expect(await upload(service, mallory, [name, '1'], { model, contract })).toMatchObject({ status: 201 });
  }
  shared = { service, mallory, victim };
}, 120_000);
afterAll(() => shared.service.close());

test('an uploaded model that returns other rows of its run does not reveal rows of other clients', async () => {
  expect(await readByMallory(shared, 'spying')).toEqual([]);
});

test('predictions of an uploaded model that scales over the whole run do not depend on other clients’ rows', async () => {
  expect(await changedByMallory(shared, 'quantized')).toEqual([]);
});

test('422: an upload cannot vouch for itself', async () => {
  const contract = patientContract('vouched', 2, { rowWise: true });

  const { service, mallory } = shared;
  const { status, body } = await upload(service, mallory, ['vouched', '1'], { model: spyingModel, contract });

  expect(status).toBe(422);
  expect(body.detail).toContain('"batching.rowWise" is allowed only in the model folders of the service');
});
