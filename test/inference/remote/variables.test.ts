import { expect, test } from '@jest/globals';
import { readVariables } from '../../../mlapi/config/read-variables.ts';
import { remoteVariables } from '../../../mlapi/inference/remote/variables.ts';
import { temporaryFolder } from '../../support/service.ts';

test('the defaults', () => {
  expect(readVariables([remoteVariables], {}, temporaryFolder())).toEqual({
    remoteServers: [],
    remoteTokens: [],
  });
});
