import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from '@jest/globals';
import {
  deleteScratchFolder,
  openScratchFile,
  readScratchFile,
  UnsafeFile,
} from '../../../mlapi/sandbox/scratch/scratch-files.ts';
import { temporaryFolder } from '../../support/service.ts';

const outside = temporaryFolder();
const secret = join(outside, 'secret');
let folder: string;
beforeEach(() => {
  folder = temporaryFolder();
  writeFileSync(secret, 'secret');
  mkdirSync(join(folder, 'out'));
  writeFileSync(join(folder, 'out/result'), 'result');
});

/** Those of this process that are open in one of its scratch folders. */
const openFiles = () =>
  readdirSync('/proc/self/fd').filter((descriptor) => {
    try {
      return readlinkSync(`/proc/self/fd/${descriptor}`).startsWith(folder);
    } catch {
      return false;
    }
  });

describe('a file that a program left', () => {
  test('is read as a whole up to its limit', async () => {
    expect((await readScratchFile(folder, 'out/result', 6)).toString()).toBe('result');
    await expect(readScratchFile(folder, 'out/result', 5)).rejects.toBeInstanceOf(UnsafeFile);
    await expect(readScratchFile(folder, 'out/result', 5)).rejects.toMatchObject({ code: 'too_large' });
  });

  test('is read from the opened file, even if its name now belongs to another', async () => {
    const { handle, bytes } = await openScratchFile(folder, 'out/result', 100);
    renameSync(secret, join(folder, 'out/result'));
    expect([bytes, (await handle.readFile()).toString()]).toEqual([6, 'result']);
    await handle.close();
  });

  test.each(['', '/etc/passwd', '../secret', 'out/../out/result', './out/result', 'out//result', 'out/', 'a\0b'])(
    'is refused if its path is %j',
    async (path) => {
      await expect(readScratchFile(folder, path, 100)).rejects.toMatchObject({ code: 'invalid_path' });
    },
  );

  test.each<[string, string, () => unknown]>([
    ['link', 'a link to a file of this machine', () => symlinkSync('/etc/passwd', join(folder, 'x'))],
    ['link', 'a link to a file in the folder', () => symlinkSync('out/result', join(folder, 'x'))],
    ['link', 'a second name of a file outside', () => linkSync(secret, join(folder, 'x'))],
    ['not_a_file', 'a FIFO that nobody writes to', () => execFileSync('mkfifo', [join(folder, 'x')])],
    ['not_a_file', 'a folder', () => mkdirSync(join(folder, 'x'))],
    ['missing', 'nothing', () => undefined],
  ])('%s: it is refused if it is %s', async (code, _, make) => {
    make();
    await expect(readScratchFile(folder, 'x', 100_000)).rejects.toMatchObject({ code });
    expect(openFiles()).toEqual([]);
  });

  test('not_a_file: it is refused if it is a socket', async () => {
    const server = createServer().listen(join(folder, 'x'));
    await new Promise((resolve) => server.once('listening', resolve));
    await expect(readScratchFile(folder, 'x', 100)).rejects.toMatchObject({ code: 'not_a_file' });
    server.close();
  });

  test('link: it is refused if a folder of its path is a link', async () => {
    symlinkSync(outside, join(folder, 'away'));
    await expect(readScratchFile(folder, 'away/secret', 100)).rejects.toMatchObject({ code: 'link' });
  });
});

describe('deleting a scratch folder', () => {
  test('removes files of every kind, but not the targets of links', async () => {
    symlinkSync(outside, join(folder, 'away'));
    symlinkSync(secret, join(folder, 'out/file'));
    linkSync(secret, join(folder, 'second'));
    execFileSync('mkfifo', [join(folder, 'fifo')]);
    writeFileSync(Buffer.concat([Buffer.from(join(folder, 'no text ')), Buffer.of(0xff, 0xfe)]), '');
    mkdirSync(join(folder, 'out/closed'));
    writeFileSync(join(folder, 'out/closed/file'), '');
    chmodSync(join(folder, 'out/closed'), 0);

    await deleteScratchFolder(folder);

    expect(existsSync(folder)).toBe(false);
    expect(readFileSync(secret, 'utf8')).toBe('secret');
  });

  test('removes folders that are nested more deeply than a path or open files allow', async () => {
    // 1,000 levels of two folders each, made from within: the path of the last has 7,000 characters.
    const make = `for (let level = 0; level < 1000; level += 1) {
      for (const name of ['deeper', 'beside']) fs.mkdirSync(name);
      process.chdir('deeper');
    }`;
    execFileSync(process.execPath, ['--eval', make], { cwd: folder });

    await deleteScratchFolder(folder);

    expect(existsSync(folder)).toBe(false);
    expect(openFiles()).toEqual([]);
  });

  test('refuses a link in place of the folder', async () => {
    symlinkSync(outside, join(folder, 'away'));
    await expect(deleteScratchFolder(join(folder, 'away'))).rejects.toMatchObject({ code: 'ENOTDIR' });
    expect(existsSync(secret)).toBe(true);
  });
});
