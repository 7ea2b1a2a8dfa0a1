import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { filesUnder } from './remove-features.ts';

/** Files that list paths of the project. */
const listing = /^(?:\.ci\/(?:run|check\.js)|jest\.config\.js|knip\.json|eslint\.config\.js|tsconfig[.\w]*\.json)$/;
const testPath = /test\/[\w./-]*[\w-]/g;

/** Takes paths of tests that no longer exist out of the lists of the project. @returns the files that were changed */
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
  return text.replace(/ ?\btest\/[\w./-]*[\w-]/g, (word) => (isDead(word.trim()) ? '' : word));
}

function withoutLines(text: string, isDead: (path: string) => boolean): string {
  return text
    .split('\n')
    .filter((line) => !(line.match(testPath) ?? []).some(isDead))
    .join('\n');
}

interface Package {
  scripts: Record<string, string>;
  dependencies: Record<string, string>;
  devDependencies: Record<string, string>;
}

/** Takes scripts without their program, and packages that no file names, out of `package.json` and the lock file. */
export function tidyPackage(root: string): boolean {
  const path = join(root, 'package.json');
  const text = readFileSync(path, 'utf8');
  const found = JSON.parse(text) as Package;
  const isRunnable = (command: string) =>
    (command.match(/(?:test|mlapi|\.ci)\/[\w./-]*[\w-]/g) ?? []).every((program) => existsSync(join(root, program)));
  const texts = filesUnder(root)
    .filter((file) => /\.(?:ts|js|cjs|json)$/.test(file) && file !== 'package.json')
    .map((file) => readFileSync(join(root, file), 'utf8'));
  const isNamed = (name: string) => texts.some((all) => all.includes(`'${name}`));
  found.scripts = only(found.scripts, (_name, command) => isRunnable(command));
  const unused = Object.keys(found.dependencies).filter((name) => !isNamed(name));
  found.dependencies = only(found.dependencies, (name) => !unused.includes(name));
  found.devDependencies = only(found.devDependencies, (name) => !unused.includes(name.replace('@types/', '')));
  const cut = `${JSON.stringify(found, undefined, 2)}\n`;
  if (cut === text) return false;
  writeFileSync(path, cut);
  execFileSync('npm', ['install', '--package-lock-only', '--offline', '--ignore-scripts', '--no-audit', '--no-fund'], {
    cwd: root,
    stdio: 'ignore',
  });
  return true;
}

function only(
  record: Readonly<Record<string, string>>,
  isKept: (key: string, value: string) => boolean,
): Record<string, string> {
  return Object.fromEntries(Object.entries(record).filter(([key, value]) => isKept(key, value)));
}
