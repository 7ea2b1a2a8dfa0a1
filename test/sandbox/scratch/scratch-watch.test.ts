import { chmodSync, mkdirSync, statfsSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from '@jest/globals';
import { findExcess, ScratchWatch } from '../../../mlapi/sandbox/scratch/scratch-watch.ts';
import { temporaryFolder } from '../../support/service.ts';

let folder: string;
beforeEach(() => {
  folder = temporaryFolder();
});
const find = (more = {}) => findExcess({ folder, bytes: 1_000_000, files: 10, reserveBytes: 1, ...more });

describe('the size of a scratch folder', () => {
  test('is within its limits up to the last file and byte on disk', async () => {
    for (let file = 0; file < 9; file += 1) writeFileSync(join(folder, String(file)), Buffer.alloc(110_000));
    expect(await find()).toBeUndefined();
    mkdirSync(join(folder, 'inner'));
    expect(await find()).toBeUndefined();
    writeFileSync(join(folder, 'inner/file'), '');
    expect(await find()).toBe('It made more than 10 files.');
  });

  test('is the disk space of its files, including those in inner folders', async () => {
    mkdirSync(join(folder, 'inner'));
    writeFileSync(join(folder, 'inner/sparse'), '');
    truncateSync(join(folder, 'inner/sparse'), 2_000_000_000);
    expect(await find()).toBeUndefined();
    writeFileSync(join(folder, 'inner/full'), Buffer.alloc(1_050_000));
    expect(await find()).toBe('It wrote more than 1000000 bytes of files.');
  });

  test('includes files whose names are not valid text', async () => {
    writeFileSync(Buffer.concat([Buffer.from(`${folder}/`), Buffer.of(0xff)]), Buffer.alloc(1_050_000));
    expect(await find()).toBe('It wrote more than 1000000 bytes of files.');
  });

  test('is over the limit if folders are nested more than 32 deep', async () => {
    mkdirSync(join(folder, ...Array<string>(32).fill('d')), { recursive: true });
    expect(await find({ files: 100 })).toBeUndefined();
    mkdirSync(join(folder, ...Array<string>(33).fill('d')), { recursive: true });
    expect(await find({ files: 100 })).toBe('It nested folders more than 32 deep.');
  });

  test('is over the limit when the disk has less free space than its reserve', async () => {
    const { bavail, bsize } = statfsSync(folder);
    expect(await find({ reserveBytes: 2 * bavail * bsize })).toBe('The disk is nearly full.');
  });

  test('is over the limit if it cannot be measured', async () => {
    mkdirSync(join(folder, 'closed'));
    chmodSync(join(folder, 'closed'), 0);
    const canReadAll = process.getuid?.() === 0;
    expect(await find()).toBe(canReadAll ? undefined : 'It made its folder unreadable.');
    expect(await find({ folder: join(folder, 'none') })).toBe('It made its folder unreadable.');
  });
});

test('a watch reports once that a limit is exceeded, and never after it is stopped', async () => {
  const scratch = { folder, bytes: 1_000_000, files: 2, reserveBytes: 1 };
  const said: string[] = [];
  const stopped = new ScratchWatch(scratch, () => said.push('a stopped watch'));
  const reason = new Promise<string>((resolve) => {
    const watch = new ScratchWatch(scratch, (text) => {
      said.push(text);
      watch.stop();
      resolve(text);
    });
  });
  stopped.stop();
  for (let file = 0; file < 3; file += 1) writeFileSync(join(folder, String(file)), '');
  expect(await reason).toBe('It made more than 2 files.');
  expect(said).toEqual(['It made more than 2 files.']);
});
