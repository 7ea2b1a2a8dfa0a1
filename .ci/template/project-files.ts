import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';

/** Folders and files that are not searched: generated files, and reports of past runs. */
const ignored =
  /(?:^|\/)node_modules(?:\/|$)|^(?:build|coverage|var|\.git)(?:\/|$)|^package-lock\.json$|\/package-lock\.json$|^files\/reports\/|^resources\//;

/** Paths relative to the root: a file, or all files of a folder. */
export function filesUnder(root: string, path = ''): string[] {
  if (path !== '' && statSync(join(root, path)).isFile()) return [path];
  return readdirSync(join(root, path), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))
    .filter((found) => !ignored.test(found));
}

/** The number of lines of all files under a path. */
export function countLines(root: string, path: string): number {
  return filesUnder(root, path).reduce(
    (sum, file) => sum + readFileSync(join(root, file), 'utf8').split('\n').length - 1,
    0,
  );
}
