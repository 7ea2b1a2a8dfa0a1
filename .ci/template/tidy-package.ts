import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

interface Package {
  scripts: Record<string, string>;
  dependencies: Record<string, string>;
  devDependencies: Record<string, string>;
}

export function readPackage(root: string): Package {
  return JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Package;
}

/** Removes scripts without their program from `package.json`. @returns their names */
export function dropDeadScripts(root: string): string[] {
  const found = readPackage(root);
  const isRunnable = (command: string) =>
    (command.match(/(?<![\w/])(?:test|mlapi|\.ci)\/[\w./-]*[\w-]/g) ?? []).every((program) =>
      existsSync(join(root, program)),
    );
  const dead = Object.keys(found.scripts).filter((name) => !isRunnable(found.scripts[name]!));
  found.scripts = Object.fromEntries(Object.entries(found.scripts).filter(([name]) => !dead.includes(name)));
  writeFileSync(join(root, 'package.json'), `${JSON.stringify(found, undefined, 2)}\n`);
  return dead;
}

/** Removes the rows of removed packages from the README's table. @returns the changed files */
export function dropPackageRows(root: string, before: Package): string[] {
  const { dependencies, devDependencies } = readPackage(root);
  const gone = Object.keys({ ...before.dependencies, ...before.devDependencies }).filter(
    (name) => !Object.hasOwn({ ...dependencies, ...devDependencies }, name),
  );
  const path = join(root, 'README.md');
  const text = readFileSync(path, 'utf8');
  const kept = text.split('\n').filter((line) => !gone.some((name) => line.startsWith(`| \`${name}\` `)));
  writeFileSync(path, kept.join('\n'));
  return gone.length === 0 ? [] : ['README.md'];
}

/** Updates the lock file without fetching or installing packages. */
export function lockPackages(root: string): void {
  const options = ['--package-lock-only', '--offline', '--ignore-scripts', '--no-audit', '--no-fund'];
  execFileSync('npm', ['install', ...options], { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] });
}
