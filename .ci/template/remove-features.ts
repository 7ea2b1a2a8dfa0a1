import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { cutCode, type Leftover } from './cut-code.ts';
import { cutJson, cutLines, cutMarkdown, cutParagraphs } from './cut-text.ts';
import { dropDeadPaths } from './dead-paths.ts';
import { dropAssurance, wordsOfPrograms } from './drop-assurance.ts';
import { features, isFeature, type FeatureName } from './features.ts';
import { countLines, filesUnder } from './project-files.ts';
import { dropDeadScripts, dropPackageRows, lockPackages, readPackage } from './tidy-package.ts';

/** All features, except those kept in the core. */
export function allBut(kept: readonly FeatureName[] = ['docs']): FeatureName[] {
  return Object.keys(features)
    .filter(isFeature)
    .filter((name) => !kept.includes(name));
}

/** Adds the features that depend on these. */
export function withDependents(names: readonly FeatureName[]): FeatureName[] {
  const all = new Set(names);
  for (const name of all) for (const dependent of features[name].neededBy ?? []) all.add(dependent as FeatureName);
  return [...all];
}

/** Lines of code under `mlapi/` that belong to a feature alone. */
export function linesOf(root: string, name: FeatureName): number {
  const paths = features[name].paths.filter((path) => path.startsWith('mlapi/') && existsSync(join(root, path)));
  return paths.reduce((sum, path) => sum + countLines(root, path), 0);
}

/**
 * Removes features from a clone: their files, and mentions in other files.
 * @returns the numbers of deleted and changed files, and the places that need manual repair
 */
export function removeFeatures(
  root: string,
  names: readonly FeatureName[],
): { deleted: number; changed: number; leftovers: Leftover[] } {
  const before = filesUnder(root);
  const packagesBefore = readPackage(root);
  for (const path of names.flatMap((name) => [...features[name].paths]))
    rmSync(resolve(root, path), { recursive: true, force: true });
  const wordsOf = wordsIn(names);
  const changed = new Set<string>();
  const dropped = dropAssurance(root, wordsOf);
  let code = cutCode(root, wordsOf);
  for (;;) {
    for (const path of code.changed) changed.add(relative(root, path));
    const unexported = dropUnused(root);
    if (unexported.length === 0) break;
    code = cutCode(root, wordsOf, [...changed, ...unexported]);
  }
  for (const path of filesUnder(root)) if (cutFile(root, path, wordsOf(path), names)) changed.add(path);
  for (const path of dropDeadPaths(root, before)) changed.add(path);
  const ofPrograms = wordsOfPrograms(dropped, dropDeadScripts(root));
  for (const path of filesUnder(root))
    if (path.endsWith('.md') && cutFile(root, path, ofPrograms, names)) changed.add(path);
  // Only now are some packages unused.
  knip(root, 'dependencies');
  for (const path of ['package.json', ...dropPackageRows(root, packagesBefore)]) changed.add(path);
  lockPackages(root);
  const formatted = [...changed].filter((path) => existsSync(join(root, path)));
  if (formatted.length > 0)
    execFileSync('npx', ['prettier', '--write', '--ignore-unknown', '--log-level', 'error', ...formatted], {
      cwd: root,
    });
  const left = filesUnder(root);
  const words = left.flatMap((path) => wordsLeft(root, path, wordsOf(path)));
  return { deleted: before.length - left.length, changed: changed.size, leftovers: [...code.leftovers, ...words] };
}

/** Deletes files without importers, and removes unused exports. @returns the changed TypeScript files */
function dropUnused(root: string): string[] {
  const before = new Map(filesUnder(root).map((path) => [path, readFileSync(join(root, path), 'utf8')]));
  knip(root, 'files,exports,types');
  const after = filesUnder(root);
  const changed = after.filter((path) => readFileSync(join(root, path), 'utf8') !== before.get(path));
  // If only files were deleted, their imports may be unused next.
  return after.length < before.size && changed.length === 0 ? ['application.ts'] : changed;
}

function knip(root: string, kinds: string): void {
  const options = ['--fix', '--allow-remove-files', '--fix-type', kinds, '--no-progress', '--no-exit-code'];
  execFileSync('npx', ['knip', ...options], { cwd: root, stdio: 'ignore' });
}

/** The words of all removed features, except in paths where they mean something else. */
function wordsIn(names: readonly FeatureName[]): (path: string) => RegExp | undefined {
  const known = new Map<string, RegExp | undefined>();
  return (path) => {
    // This command names all features.
    if (path.startsWith('.ci/template/')) return undefined;
    const meant = names.filter((name) => !(features[name].except ?? []).some((start) => path.startsWith(start)));
    const key = meant.join();
    if (!known.has(key))
      known.set(
        key,
        meant.length === 0 ? undefined : new RegExp(meant.map((name) => features[name].words.source).join('|'), 'i'),
      );
    return known.get(key);
  };
}

/** Cuts a file that is not TypeScript. @returns whether it changed */
function cutFile(root: string, path: string, words: RegExp | undefined, names: readonly string[]): boolean {
  if (words === undefined || /\.(?:ts|svg|png|onnx|bin|csv)$/.test(path)) return false;
  const before = readFileSync(join(root, path), 'utf8');
  const after = cutText(path, before, words, names);
  if (after !== before) writeFileSync(join(root, path), after);
  return after !== before;
}

function cutText(path: string, text: string, words: RegExp, names: readonly string[]): string {
  if (path === 'package.json') return text;
  if (path.endsWith('.env.example')) return cutParagraphs(text, words);
  if (path.endsWith('.md')) return cutMarkdown(cutLines(text, /(?!)/, names), words);
  if (path.endsWith('.json')) return words.test(text) ? cutJson(text, words) : text;
  return cutLines(text, words, names);
}

function wordsLeft(root: string, path: string, words: RegExp | undefined): Leftover[] {
  if (words === undefined || /\.(?:svg|png|onnx|bin)$/.test(path)) return [];
  return readFileSync(join(root, path), 'utf8')
    .split('\n')
    .flatMap((line, index) => {
      const word = words.exec(line)?.[0];
      return word === undefined ? [] : [{ place: `${path}:${index + 1}`, problem: `says "${word}"` }];
    });
}
