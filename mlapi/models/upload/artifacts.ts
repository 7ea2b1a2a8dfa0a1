import { mkdirSync } from 'node:fs';
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** An upload has less time than this, so an older folder belongs to a process that ended. */
const abandonedMs = 3_600_000;

/**
 * The files of models, a folder for each version, named by its id: never by what a client wrote. In it, only external data
 * has names that a client chose, and those are plain. A folder is filled where nobody
 * looks for it, and gets its place when all of it is on the disk.
 */
export class Artifacts {
  readonly #incoming: string;
  readonly #versions: string;

  constructor(dataDir: string) {
    this.#incoming = join(dataDir, 'models', 'incoming');
    this.#versions = join(dataDir, 'models', 'versions');
  }

  /** The ONNX file of a version. */
  pathOf(id: string): string {
    return this.fileOf(id, 'model.onnx');
  }

  /** One of the files of a version. @param name that was checked when it came */
  fileOf(id: string, name: string): string {
    return join(this.#versions, id, name);
  }

  /** A new folder for what comes in under this id. */
  async begin(id: string): Promise<string> {
    for (const folder of [this.#incoming, this.#versions]) mkdirSync(folder, { recursive: true, mode: 0o700 });
    const folder = join(this.#incoming, id);
    await mkdir(folder, { mode: 0o700 });
    return folder;
  }

  /** Gives a folder that came in its place. */
  async keep(id: string): Promise<void> {
    const from = join(this.#incoming, id);
    for (const name of await readdir(from)) await syncToDisk(join(from, name));
    await syncToDisk(from);
    await rename(from, join(this.#versions, id));
    await syncToDisk(this.#versions);
  }

  /** Takes away all there is of an id. */
  async remove(id: string): Promise<void> {
    for (const folder of [this.#incoming, this.#versions]) await rm(join(folder, id), { recursive: true, force: true });
  }

  /** Takes away what processes left behind that ended meanwhile. @param isKnown whether a version of this id is served */
  async sweep(isKnown: (id: string) => Promise<boolean>): Promise<void> {
    for (const folder of [this.#incoming, this.#versions]) {
      for (const id of await readdir(folder).catch(() => [])) {
        const path = join(folder, id);
        const age = Date.now() - (await stat(path).catch(() => ({ mtimeMs: Date.now() }))).mtimeMs;
        if (age < abandonedMs || (folder === this.#versions && (await isKnown(id)))) continue;
        await rm(path, { recursive: true, force: true });
      }
    }
  }
}

async function syncToDisk(path: string): Promise<void> {
  const file = await open(path, 'r');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}
