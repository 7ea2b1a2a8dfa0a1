import { constants as bufferLimits } from 'node:buffer';
import { createHash } from 'node:crypto';
import { closeSync, constants, fstatSync, lstatSync, openSync, readSync, realpathSync, type Stats } from 'node:fs';
import { join } from 'node:path';
import type { ExternalTensor } from './external-tensors.ts';

/** A file of external data. The bytes that were hashed are the bytes that are loaded. */
export interface DataFile {
  /** Path inside the model's folder, as written in the model. */
  readonly name: string;
  readonly sha256: string;
  readonly bytes: Buffer;
}

const remedy = 'put the file itself beside model.onnx, or save the weights inside the model file';
const bytesPerRead = 64 * 1_048_576;

/**
 * Reads the external data of a model: regular files inside its folder only. Links are not followed, so that a model cannot make the service
 * read another file of the machine.
 * @returns each file once, sorted by name
 * @throws {Error} that names the file and the remedy
 */
export function readDataFiles(folder: string, tensors: readonly ExternalTensor[]): DataFile[] {
  const ends = new Map<string, number>();
  for (const { location, offset, length = 0 } of tensors)
    ends.set(location, Math.max(ends.get(location) ?? 0, offset + length));
  return [...ends].sort(([one], [other]) => (one < other ? -1 : 1)).map(([name, end]) => readInside(folder, name, end));
}

function readInside(folder: string, name: string, end: number): DataFile {
  const shown = `its external data ${JSON.stringify(name.slice(0, 256))}`;
  if (!isInnerPath(name)) throw new Error(`${shown} is not a path inside its folder: ${remedy}`);
  const path = join(folder, name);
  const before = statOf(path, shown);
  // Open regular files only: opening a pipe would block, and a device may act on being opened.
  const descriptor = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const stats = fstatSync(descriptor);
    const isSame = stats.ino === before.ino && stats.dev === before.dev;
    if (!isSame || realpathSync(path) !== join(realpathSync(folder), name))
      throw new Error(`${shown} is reached through a link: ${remedy}`);
    if (stats.nlink > 1) throw new Error(`${shown} is a hard link to another file: copy it, and ${remedy}`);
    if (end > stats.size)
      throw new Error(`${shown} has ${stats.size} bytes, but the model reads up to byte ${end}: export it again`);
    if (stats.size > bufferLimits.MAX_LENGTH) throw new Error(`${shown} is larger than this version of Node can hold`);
    const bytes = readWhole(descriptor, stats.size, shown);
    return { name, bytes, sha256: createHash('sha256').update(bytes).digest('hex') };
  } finally {
    closeSync(descriptor);
  }
}

function statOf(path: string, shown: string): Stats {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  if (stats === undefined) throw new Error(`${shown} is missing: ${remedy}`);
  if (stats.isSymbolicLink()) throw new Error(`${shown} is a symbolic link: ${remedy}`);
  if (!stats.isFile()) throw new Error(`${shown} is not a regular file: ${remedy}`);
  return stats;
}

/** The runtime's marker for an address in the memory of the process. */
const memoryMarker = '_ORT_MEM_ADDR_';

/** Whether a name is a path below the folder, without characters that are special in paths or to `sha256sum`. */
function isInnerPath(name: string): boolean {
  const parts = name.split('/');
  return (
    !name.includes(memoryMarker) &&
    !/[\\\p{Cc}]/u.test(name) &&
    parts.every((part) => part !== '' && part !== '.' && part !== '..')
  );
}

function readWhole(descriptor: number, size: number, shown: string): Buffer {
  const bytes = Buffer.allocUnsafeSlow(size);
  for (let done = 0; done < size;) {
    const read = readSync(descriptor, bytes, done, Math.min(bytesPerRead, size - done), done);
    if (read === 0) throw new Error(`${shown} was truncated while it was read: try again when it is complete`);
    done += read;
  }
  return bytes;
}
