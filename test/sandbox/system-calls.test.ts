import { createHash } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { systemCallFilter } from '../../mlapi/sandbox/system-calls.ts';

const sha256 = (bytes: Buffer | undefined) => bytes && createHash('sha256').update(bytes).digest('hex');

describe('the filter of system calls', () => {
  test.each([
    [false, 'x64', '42ca1644ffda90c4be30888ab45b3d5bae76bde2b3475c6c2549605181772b3f'],
    [false, 'arm64', 'c82a9d6693220ebf0ea726f29ae813a6792a5dd64839a72b36d54dcc449dc5cc'],
    [true, 'x64', '35b1d26099cb4c7cfcb8e70c7e1804d2d70cba9dd3fa39f7ac581fbd8ecfd41b'],
    [true, 'arm64', '0eef72fb5b3ad586017709a39f231fbad23c6fbc7aca68987d169c0ab94dd2bd'],
  ])('for models, with processes %s on %s, is byte for byte unchanged', (startsProcesses, architecture, digest) => {
    expect(sha256(systemCallFilter({ startsProcesses, architecture }))).toBe(digest);
  });

  test('does not exist for an architecture with unknown call numbers', () => {
    expect(systemCallFilter({ startsProcesses: false, architecture: 'riscv64' })).toBeUndefined();
  });
});
