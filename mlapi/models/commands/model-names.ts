import { existsSync, readFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';

export interface Names {
  readonly name: string;
  readonly version: string;
}

/** Returns the name and version of a model folder: those of its `model.json`, or the folder's name. */
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
    // Faults in it are reported when it is read as a contract.
    return fallback;
  }
}
