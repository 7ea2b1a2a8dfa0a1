import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { filesUnder } from './project-files.ts';

/** Files that list paths of the project. */
const listing = /^(?:\.ci\/(?:run|check\.js)|jest\.config\.js|knip\.json|eslint\.config\.js|tsconfig[.\w]*\.json)$/;
const testPath = /test\/[\w./-]*[\w-]/g;

/** Removes paths of deleted tests from the project's lists. @returns the changed files */
export function dropDeadPaths(root: string, before: readonly string[]): string[] {
  const after = filesUnder(root);
  const isDead = (path: string) =>
    before.some((known) => known.startsWith(path)) && !after.some((known) => known.startsWith(path));
  return after.filter((path) => {
    if (!listing.test(path)) return false;
    const text = readFileSync(join(root, path), 'utf8');
    const cut = path === '.ci/run' ? withoutWords(text, isDead) : withoutLines(text, isDead);
    if (cut !== text) writeFileSync(join(root, path), cut);
    return cut !== text;
  });
}

function withoutWords(text: string, isDead: (path: string) => boolean): string {
  return text.replace(/ ?\b(test\/[\w./-]*)(?:\{([^}\s]*)\}|(?<=[\w-]))/g, (word, start: string, ends?: string) => {
    if (ends === undefined) return isDead(start) ? '' : word;
    const left = ends.split(',').filter((end) => !isDead(start + end));
    if (left.length < 2) return left.length === 0 ? '' : word.replace(/\{.*/, left[0]!);
    return word.replace(/\{.*/, `{${left.join(',')}}`);
  });
}

function withoutLines(text: string, isDead: (path: string) => boolean): string {
  return text
    .split('\n')
    .filter((line) => !(line.match(testPath) ?? []).some(isDead))
    .join('\n');
}
