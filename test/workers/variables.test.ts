import { availableParallelism } from 'node:os';
import { expect, test } from '@jest/globals';
import { readVariables } from '../../mlapi/config/read-variables.ts';
import { workersVariables } from '../../mlapi/workers/variables.ts';
import { temporaryFolder } from '../support/service.ts';

test('MLAPI_WORKERS is 1 by default, a number, or auto: one worker per core', () => {
  const read = (given: Record<string, string>) => readVariables([workersVariables], given, temporaryFolder());
  expect(read({})).toEqual({ processes: 1 });
  expect(read({ MLAPI_WORKERS: '3' })).toEqual({ processes: 3 });
  expect(read({ MLAPI_WORKERS: 'auto' })).toEqual({ processes: availableParallelism() });
});
