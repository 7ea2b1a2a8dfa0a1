import { symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { startProgram } from '../../mlapi/sandbox/start-program.ts';
import { temporaryFolder } from '../support/service.ts';

const folder = temporaryFolder();
symlinkSync(folder, join(folder, 'link'));
writeFileSync(join(folder, 'file'), '');
const room = { bytes: 1_000, files: 10 };

test.each([
  ['no process', { processes: 0 }, '1 to 60'],
  ['more processes than are measured', { processes: 61 }, '1 to 60'],
  ['half a process', { processes: 1.5 }, '1 to 60'],
  ['a folder without room', { scratch: { folder, bytes: 0, files: 10 } }, 'room for a file'],
  ['a folder without files', { scratch: { folder, bytes: 1_000, files: 0 } }, 'room for a file'],
  ['a link', { scratch: { folder: join(folder, 'link'), ...room } }, 'absolute path of a folder'],
  ['a file', { scratch: { folder: join(folder, 'file'), ...room } }, 'absolute path of a folder'],
  ['a relative path', { scratch: { folder: '.', ...room } }, 'absolute path of a folder'],
  ['nothing', { scratch: { folder: join(folder, 'none'), ...room } }, 'ENOENT'],
])('a limit of %s is refused before anything starts', (_, limits, text) => {
  const confinement = { isolation: 'limits', memoryBytes: 2 ** 28, ...limits } as const;
  expect(() => startProgram(['/usr/bin/true'], { confinement, files: [] })).toThrow(text);
});
