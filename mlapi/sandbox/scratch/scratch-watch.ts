import { lstat, opendir, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import type { Scratch } from '../limits.ts';

/** Shortest time between two measurements. Until the next one, a program may write some 40 MB or create 5,000 files per core. */
const everyMs = 50;
/** A large folder is measured less often, so that this takes at most a fifth of the time. */
const restTimes = 4;
const defaultReserveBytes = 1_073_741_824;
/** Deeper folders would have paths that the system refuses, and could not be measured. */
const maxDepth = 32;
const blockBytes = 512;

/**
 * Watches the disk space of a confined program. The kernel bounds each file's size, but nothing bounds their sum without root or memory, so
 * the folder is measured again and again. A file that the program deleted and holds open is seen only in the free space of the disk.
 */
export class ScratchWatch {
  readonly #scratch: Scratch;
  readonly #onExcess: (reason: string) => void;
  #timer: NodeJS.Timeout | undefined;
  #isStopped = false;

  constructor(scratch: Scratch, onExcess: (reason: string) => void) {
    this.#scratch = scratch;
    this.#onExcess = onExcess;
    this.#waitMs(everyMs);
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
  }

  #waitMs(delayMs: number): void {
    this.#timer = setTimeout(() => void this.#look(), delayMs).unref();
  }

  async #look(): Promise<void> {
    const beganMs = performance.now();
    const reason = await findExcess(this.#scratch);
    if (this.#isStopped) return;
    if (reason !== undefined) this.#onExcess(reason);
    else this.#waitMs(Math.max(everyMs, restTimes * (performance.now() - beganMs)));
  }
}

/**
 * Measures a scratch folder; stops at the first limit that is exceeded.
 * @returns which limit, in a sentence; undefined if all is well. Never throws: what cannot be measured exceeds the limits
 */
export async function findExcess(scratch: Scratch): Promise<string | undefined> {
  try {
    const { bavail, bsize } = await statfs(scratch.folder);
    if (bavail * bsize < (scratch.reserveBytes ?? defaultReserveBytes)) return 'The disk is nearly full.';
    return await walk(scratch);
  } catch {
    return 'It made its folder unreadable.';
  }
}

/**
 * A program that runs may exchange a folder for a link while this reads: then another folder is counted, to the program's disadvantage
 * alone, up to the same limits.
 */
async function walk({ folder, bytes: maxBytes, files: maxFiles }: Scratch): Promise<string | undefined> {
  // Names are bytes, which need not be text; latin1 keeps them all.
  const open = [{ path: Buffer.from(folder).toString('latin1'), depth: 0 }];
  let files = 0;
  let bytes = 0;
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { path, depth } = next;
    if (depth > maxDepth) return `It nested folders more than ${maxDepth} deep.`;
    const entries = await orGone(opendir(toPath(path), { encoding: 'latin1' }));
    if (entries === undefined) continue;
    for await (const { name } of entries) {
      files += 1;
      if (files > maxFiles) return `It made more than ${maxFiles} files.`;
      const found = await orGone(lstat(toPath(join(path, name))));
      if (found === undefined) continue;
      bytes += found.blocks * blockBytes;
      if (bytes > maxBytes) return `It wrote more than ${maxBytes} bytes of files.`;
      if (found.isDirectory()) open.push({ path: join(path, name), depth: depth + 1 });
    }
  }
  return undefined;
}

function toPath(latin1: string): string {
  return Buffer.from(latin1, 'latin1') as unknown as string;
}

/** Undefined if the file was removed, or replaced by one of another kind, since it was listed. */
async function orGone<T>(found: Promise<T>): Promise<T | undefined> {
  try {
    return await found;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw error;
  }
}
