import { execFileSync } from 'node:child_process';
import { expect, test } from '@jest/globals';

test('`npm run remove client` leaves nothing to repair, no mention of it, and correct types', () => {
  const matrix = ['--import', 'tsx', '.ci/template/removal-matrix.ts', '--short', '--only', 'client'];

  expect(execFileSync(process.execPath, matrix, { encoding: 'utf8' })).toMatch(/^passed: without client, \d+ lines/);
}, 300_000);
