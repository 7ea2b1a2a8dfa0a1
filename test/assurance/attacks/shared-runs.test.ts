import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { writeModelFolders } from '../../support/model-folders.ts';
import {
  changedByMallory,
  patientContract,
  quantizedModel,
  readByMallory,
  spyingModel,
  type SharedService,
} from '../../support/row-mixing.ts';
import { startService, temporaryFolder } from '../../support/service.ts';

const vouched = { rowWise: true };
let shared: SharedService;
beforeAll(async () => {
  const modelsDir = writeModelFolders({
    'spying-folder': { onnx: spyingModel, contract: patientContract('spying-folder', 2) },
    'quantized-folder': { onnx: quantizedModel, contract: patientContract('quantized-folder', 4) },
    // Shows what happens if runs are shared: the operator's rowWise is wrong.
    'spying-vouched': { onnx: spyingModel, contract: patientContract('spying-vouched', 2, vouched) },
    'quantized-vouched': { onnx: quantizedModel, contract: patientContract('quantized-vouched', 4, vouched) },
  });
  const service = await startService({ MLAPI_MODELS_DIR: modelsDir, MLAPI_DATA_DIR: temporaryFolder() });
  const [mallory, victim] = [await service.newClient('mallory'), await service.newClient('victim')];
  shared = { service, mallory: mallory.tokens.access_token, victim: victim.tokens.access_token };
}, 120_000);
afterAll(() => shared.service.close());

test('a model that returns other rows of its run does not reveal rows of other clients', async () => {
  expect(await readByMallory(shared, 'spying-folder')).toEqual([]);
});

test('if an operator wrongly vouches for that model, clients get other clients’ rows', async () => {
  expect((await readByMallory(shared, 'spying-vouched')).length).toBeGreaterThan(0);
});

test('predictions of a model that scales over the whole run do not depend on other clients’ rows', async () => {
  expect(await changedByMallory(shared, 'quantized-folder')).toEqual([]);
});

test('if an operator wrongly vouches for that model, predictions depend on other clients’ rows', async () => {
  expect((await changedByMallory(shared, 'quantized-vouched')).length).toBeGreaterThan(0);
});
