import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { chmod, lstat, open, opendir, rename, rmdir, unlink, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';

const { O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK, O_RDONLY } = constants;

/** Why a file of a scratch folder was not read. `link` includes a second name of a file, which may be a file outside. */
export type UnsafeFileCode = 'invalid_path' | 'missing' | 'link' | 'not_a_file' | 'unreadable' | 'too_large';

/** A file that a program left behind, and that is not read. The message is for the owner of the program. */
export class UnsafeFile extends Error {
  readonly code: UnsafeFileCode;

  constructor(code: UnsafeFileCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

interface SafeFile {
  /** Closed by the caller. */
  readonly handle: FileHandle;
  readonly bytes: number;
}

/**
 * Opens a file that a confined program left in its scratch folder; Linux only. No link is followed, in no part of the path; devices and
 * FIFOs are not waited for.
 * @param path relative, with `/`, without `.` and `..`
 * @param maxBytes larger files are refused
 * @throws {UnsafeFile}
 * @example
 * const { handle, bytes } = await openScratchFile(folder, 'output/result.json', 1_000_000);
 */
export async function openScratchFile(folder: string, path: string, maxBytes: number): Promise<SafeFile> {
  const names = path.split('/');
  if (path.includes('\0') || names.some((name) => name === '' || name === '.' || name === '..'))
    throw new UnsafeFile('invalid_path', `${JSON.stringify(path)} is not a path within the folder.`);
  let at = await openFolder(folder).catch((error: unknown) => refuse(path, error));
  try {
    for (const name of names.slice(0, -1)) {
      const inner = await openFolder(within(at, name)).catch((error: unknown) => refuse(path, error));
      await at.close();
      at = inner;
    }
    const flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK;
    const handle = await open(within(at, names.at(-1)!), flags).catch((error: unknown) => refuse(path, error));
    try {
      const bytes = await check(handle, path, maxBytes);
      return { handle, bytes };
    } catch (error) {
      await handle.close();
      throw error;
    }
  } finally {
    await at.close();
  }
}

/** Reads such a file as a whole, at most `maxBytes`. @throws {UnsafeFile} */
export async function readScratchFile(folder: string, path: string, maxBytes: number): Promise<Buffer> {
  const { handle, bytes } = await openScratchFile(folder, path, maxBytes);
  try {
    const content = Buffer.alloc(bytes);
    const { bytesRead } = await handle.read(content, 0, bytes, 0);
    return content.subarray(0, bytesRead);
  } finally {
    await handle.close();
  }
}

/**
 * Deletes a scratch folder and all that a program left in it, once the program has ended; Linux only. No link is followed. Folders may be
 * nested more deeply than a path can say, or closed to their owner.
 */
export async function deleteScratchFolder(folder: string): Promise<void> {
  // The program may have changed its mode. `chmod` follows links.
  if ((await lstat(folder)).isDirectory()) await chmod(folder, 0o700);
  const top = await openFolder(folder);
  try {
    // Nested folders are moved to the top, so that this holds two of them open, not one for each level.
    while (await emptyFolder(top, top));
  } finally {
    await top.close();
  }
  await rmdir(folder);
}

/** Removes what is in a folder, but moves the folders in it to the top; those that are there are emptied. @returns whether there was any */
async function emptyFolder(at: FileHandle, top: FileHandle): Promise<boolean> {
  let hasFound = false;
  // Names are bytes, which need not be text; latin1 keeps them all.
  for await (const { name } of await opendir(pathOf(at), { encoding: 'latin1' })) {
    hasFound = true;
    const path = Buffer.from(within(at, name), 'latin1');
    const isFolder = (await lstat(path)).isDirectory();
    if (!isFolder) {
      await unlink(path);
      continue;
    }
    await chmod(path, 0o700);
    if (at !== top) {
      await rename(path, within(top, randomUUID()));
      continue;
    }
    const inner = await openFolder(path);
    try {
      while (await emptyFolder(inner, top));
    } finally {
      await inner.close();
    }
    await rmdir(path);
  }
  return hasFound;
}

async function check(handle: FileHandle, path: string, maxBytes: number): Promise<number> {
  const found = await handle.stat();
  if (!found.isFile()) throw new UnsafeFile('not_a_file', `${path} is not a regular file.`);
  if (found.nlink !== 1) throw new UnsafeFile('link', `${path} has other names; copy it instead.`);
  if (found.size > maxBytes)
    throw new UnsafeFile('too_large', `${path} has ${found.size} bytes; the limit is ${maxBytes}.`);
  return found.size;
}

function openFolder(path: string | Buffer): Promise<FileHandle> {
  return open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
}

/** The folder that is open, whatever has its path by now. */
function pathOf(folder: FileHandle): string {
  return `/proc/self/fd/${folder.fd}`;
}

function within(folder: FileHandle, name: string): string {
  return join(pathOf(folder), name);
}

function refuse(path: string, cause: unknown): never {
  const { code } = cause as NodeJS.ErrnoException;
  if (code === 'ENOENT' || code === 'ENAMETOOLONG') throw new UnsafeFile('missing', `${path} is missing.`, { cause });
  if (code === 'ELOOP') throw new UnsafeFile('link', `${path} is a link.`, { cause });
  // A folder of the path is a link or a file; a socket has no content.
  if (code === 'ENOTDIR') throw new UnsafeFile('link', `${path} is not in a folder.`, { cause });
  if (code === 'ENXIO') throw new UnsafeFile('not_a_file', `${path} is not a regular file.`, { cause });
  // EAGAIN: the program holds a lease on it.
  if (code === 'EACCES' || code === 'EPERM' || code === 'EAGAIN')
    throw new UnsafeFile('unreadable', `${path} is unreadable.`, { cause });
  throw cause;
}
