import { existsSync, readFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';

export interface Names {
  readonly name: string;
  readonly version: string;
}

/** What a model folder is called: as its `model.json` says; otherwise after the folder. */
export function namesOf(folder: string): Names {
  const path = join(folder, 'model.json');
  const fallback = { name: basename(resolve(folder)), version: '1' };
  if (!existsSync(path)) return fallback;
  try {
    const { name = fallback.name, version = fallback.version } = JSON.parse(
      readFileSync(path, 'utf8'),
    ) as Partial<Names>;
    return { name, version };
  } catch {
    // What is wrong with it is said when it is read as a contract.
    return fallback;
  }
}
