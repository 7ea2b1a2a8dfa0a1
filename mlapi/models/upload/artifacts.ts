import { mkdirSync } from 'node:fs';
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** Longer than an upload may take: an older folder was left behind by a process that has exited. */
const abandonedMs = 3_600_000;

/**
 * Files of models: one folder per version, named by its id and never by client input. Only external data inside it has client-chosen names,
 * which are plain file names. A folder is filled elsewhere and moved into place once it is on disk completely.
 */
export class Artifacts {
  readonly #incoming: string;
  readonly #versions: string;

  constructor(dataDir: string) {
    this.#incoming = join(dataDir, 'models', 'incoming');
    this.#versions = join(dataDir, 'models', 'versions');
  }

  /** Path of a version's ONNX file. */
  pathOf(id: string): string {
    return this.fileOf(id, 'model.onnx');
  }

  /** Path of a file of a version. @param name validated at upload */
  fileOf(id: string, name: string): string {
    return join(this.#versions, id, name);
  }

  /** Creates the folder for an upload. */
  async begin(id: string): Promise<string> {
    for (const folder of [this.#incoming, this.#versions]) mkdirSync(folder, { recursive: true, mode: 0o700 });
    const folder = join(this.#incoming, id);
    await mkdir(folder, { mode: 0o700 });
    return folder;
  }

  /** Syncs an uploaded folder to disk and moves it into place. */
  async keep(id: string): Promise<void> {
    const from = join(this.#incoming, id);
    for (const name of await readdir(from)) await syncToDisk(join(from, name));
    await syncToDisk(from);
    await rename(from, join(this.#versions, id));
    await syncToDisk(this.#versions);
  }

  /** Deletes the folders of an id. */
  async remove(id: string): Promise<void> {
    for (const folder of [this.#incoming, this.#versions]) await rm(join(folder, id), { recursive: true, force: true });
  }

  /** Deletes folders left behind by processes that have exited. @param isKnown whether a version of this id serves */
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
