import { execFileSync } from 'node:child_process';
import { cpSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { projectRoot } from './support/child.ts';
import { temporaryFolder } from './support/service.ts';

/** What makes this a template: paths under mlapi/, and what the lines of other files that name them have in common. */
const removable: readonly [paths: readonly string[], lines: RegExp][] = [
  [['oip'], /oip/i],
  [['models', 'cli/model-store.ts', 'cli/model-names.ts', 'cli/model-reference.ts'], /model-?store|ForeignModels/i],
];
const naming = ['application.ts', 'mlapi/cli/commands.ts'];

test.each(removable)('without mlapi/{%s} and the lines with %s, the project compiles', (paths, lines) => {
  const folder = temporaryFolder();
  for (const path of ['mlapi', 'application.ts', 'package.json', 'tsconfig.json', 'tsconfig.build.json'])
    cpSync(join(projectRoot, path), join(folder, path), { recursive: true });
  symlinkSync(join(projectRoot, 'node_modules'), join(folder, 'node_modules'));

  for (const path of paths) rmSync(join(folder, 'mlapi', path), { recursive: true });
  let removed = 0;
  for (const file of naming) {
    const before = readFileSync(join(folder, file), 'utf8').split('\n');
    const after = before.filter((line) => !lines.test(line));
    removed += before.length - after.length;
    // An import that only those lines used is left over: the next edit takes it out.
    writeFileSync(join(folder, file), after.join('\n'));
  }

  expect(removed).toBeGreaterThan(3);
  const tsc = join(folder, 'node_modules/typescript/bin/tsc');
  const options = ['--noUnusedLocals', 'false', '--outDir', join(folder, 'build')];
  execFileSync(process.execPath, [tsc, '-p', 'tsconfig.build.json', ...options], { cwd: folder, stdio: 'pipe' });
});
