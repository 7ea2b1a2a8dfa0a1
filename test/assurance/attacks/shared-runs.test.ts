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
    // Shows that the attack works where runs are shared: their operator is mistaken.
    'spying-vouched': { onnx: spyingModel, contract: patientContract('spying-vouched', 2, vouched) },
    'quantized-vouched': { onnx: quantizedModel, contract: patientContract('quantized-vouched', 4, vouched) },
  });
  const service = await startService({ MLAPI_MODELS_DIR: modelsDir, MLAPI_DATA_DIR: temporaryFolder() });
  const [mallory, victim] = [await service.newClient('mallory'), await service.newClient('victim')];
  shared = { service, mallory: mallory.tokens.access_token, victim: victim.tokens.access_token };
}, 120_000);
afterAll(() => shared.service.close());

test('a model that answers one row with the others reveals no row of another client', async () => {
  expect(await readByMallory(shared, 'spying-folder')).toEqual([]);
});

test('such a model reveals rows where its operator vouched for it, so that runs are shared', async () => {
  expect((await readByMallory(shared, 'spying-vouched')).length).toBeGreaterThan(0);
});

test('rows of another client change no answer of a model that scales over the whole run', async () => {
  expect(await changedByMallory(shared, 'quantized-folder')).toEqual([]);
});

test('they change answers where its operator vouched for it, so that runs are shared', async () => {
  expect((await changedByMallory(shared, 'quantized-vouched')).length).toBeGreaterThan(0);
});
