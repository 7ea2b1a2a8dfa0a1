// Removes features from a copy of the project, checks what remains, and prints the outcome as JSON.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import type { FeatureName } from './features.ts';
import { countLines, filesUnder } from './project-files.ts';
import { removeFeatures, withDependents } from './remove-features.ts';

const root = resolve(import.meta.dirname, '../..');

export interface Outcome {
  readonly files: number;
  readonly lines: number;
  readonly problems: readonly string[];
}

const notCopied = new Set(['.git', 'build', 'coverage', 'var'].map((name) => join(root, name)));

/** Copies the project as it is, with its packages. */
function copy(): string {
  const folder = mkdtempSync(join(tmpdir(), 'mlapi-removal-'));
  cpSync(root, folder, {
    recursive: true,
    filter: (path) => basename(path) !== 'node_modules' && !notCopied.has(path),
  });
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  return folder;
}

/** @returns the last lines that a failed command printed */
function run(folder: string, [program = '', ...words]: readonly string[]): string[] {
  const { status, stdout, stderr } = spawnSync(program, words, { cwd: folder, encoding: 'utf8', maxBuffer: 1e9 });
  if (status === 0) return [];
  const last = `${stdout}\n${stderr}`.trimEnd().split('\n').slice(-60);
  return [`${program} ${words.join(' ')}:`, ...last];
}

/** @param scripts npm scripts that must pass in what remains; the types must always */
function tryRemoval(names: readonly FeatureName[], scripts: readonly string[]): Outcome {
  const folder = copy();
  try {
    const { leftovers } = removeFeatures(folder, withDependents(names));
    const problems = leftovers.map(({ place, problem }) => `${place}  ${problem}`);
    // Without the cache of the types: it lies beside the packages, which copies share.
    const commands = [['npx', 'tsc', '--noEmit'], ...scripts.map((script) => ['npm', 'run', '--silent', script])];
    for (const command of commands) problems.push(...run(folder, command));
    return { files: filesUnder(folder, 'mlapi').length, lines: countLines(folder, 'mlapi'), problems };
  } finally {
    if (process.env.KEEP_COPIES === undefined) rmSync(folder, { recursive: true });
    else console.error(`kept: ${folder}`);
  }
}

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { check: { type: 'string', multiple: true } },
});
console.log(JSON.stringify(tryRemoval(positionals as FeatureName[], values.check ?? [])));
