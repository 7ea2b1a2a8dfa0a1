import { readFileSync, statSync } from 'node:fs';
import { resolve } from 'node:path';

/** @returns the text of the file that a variable names; undefined, with a mistake that does not quote the file, if it cannot be read */
export function readSecretFile(name: string, file: string, root: string, mistakes: string[]): string | undefined {
  try {
    const path = resolve(root, file);
    if ((statSync(path).mode & 0o022) !== 0) mistakes.push(`${name} may be written by other users`);
    return readFileSync(path, 'utf8');
  } catch {
    mistakes.push(`${name} names a file that cannot be read`);
    return undefined;
  }
}
