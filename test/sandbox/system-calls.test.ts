import { createHash } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { systemCallFilter } from '../../mlapi/sandbox/system-calls.ts';

const sha256 = (bytes: Buffer | undefined) => bytes && createHash('sha256').update(bytes).digest('hex');

describe('the filter of system calls', () => {
  test.each([
    [false, 'x64', '1e26c4a3f985ff42a9484622f1cb1429c00765bdaaff17a69c4e599f780a1355'],
    [false, 'arm64', 'ea7fd6cb286772bf5ea87f26706924f0f18bbb4e6aa6a7dcd68f265a94195f39'],
    [true, 'x64', 'c1c0a4f4206a0cbde1413b1c696f6a450740a364bdd4b561f65f71815adc593d'],
    [true, 'arm64', '6709f699be16113cd8c795d2ee5688b2f7949f703794b61d361b16091558ed2e'],
  ])('for models, with processes %s on %s, is byte for byte unchanged', (startsProcesses, architecture, digest) => {
    expect(sha256(systemCallFilter({ startsProcesses, architecture }))).toBe(digest);
  });

  test('does not exist for an architecture with unknown call numbers', () => {
    expect(systemCallFilter({ startsProcesses: false, architecture: 'riscv64' })).toBeUndefined();
  });
});
