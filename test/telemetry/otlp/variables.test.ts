import { expect, test } from '@jest/globals';
import { readVariables } from '../../../mlapi/config/read-variables.ts';
import { otlpVariables } from '../../../mlapi/telemetry/otlp/variables.ts';
import { temporaryFolder } from '../../support/service.ts';

test('the defaults', () => {
  expect(readVariables([otlpVariables], {}, temporaryFolder())).toEqual({
    otlpEndpoint: undefined,
    otlpIntervalSeconds: 60,
  });
});
