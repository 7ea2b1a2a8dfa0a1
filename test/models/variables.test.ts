import { expect, test } from '@jest/globals';
import { readVariables } from '../../mlapi/config/read-variables.ts';
import { modelStoreVariables } from '../../mlapi/models/variables.ts';
import { temporaryFolder } from '../support/service.ts';

test('the defaults', () => {
  expect(readVariables([modelStoreVariables], {}, temporaryFolder())).toEqual({
    modelLimitBytes: 104_857_600,
    modelMemoryBytes: 1_073_741_824,
    modelsMemoryBytes: 1_073_741_824,
    clientModels: 100,
    clientModelsBytes: 1_073_741_824,
  });
});
