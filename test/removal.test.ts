import { execFileSync } from 'node:child_process';
import { cpSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { projectRoot } from './support/compiled.ts';
import { temporaryFolder } from './support/service.ts';

/** Removed by hand, since the command does not cover them: paths under mlapi/, and the pattern of lines elsewhere that name them. */
const removable: readonly [paths: readonly string[], lines: RegExp][] = [[['models'], /model-?store/i]];
const naming = ['mlapi/features.ts'];
/** A test that names a removed part goes with it, or would need an edit. */
const namesPart = /model-?store|untrusted|mlapi\/models|uploads\.ts/i;
/** Quick tests among the rest that show that authentication, input and output still work. */
const proving =
  /^(?:config.config|auth.tokens.refresh|http.(?:routes|request.query|body.body)|inference.(?:\w+.)?(?:rows|outputs|shipped|vectors))/;

test.each(removable)(
  'without mlapi/{%s} and the lines with %s, the project compiles and its tests pass',
  (paths, lines) => {
    const folder = temporaryFolder();
    for (const path of ['mlapi', 'test', 'resources', 'files', 'application.ts', 'package.json', 'jest.config.js'])
      cpSync(join(projectRoot, path), join(folder, path), { recursive: true });
    for (const path of ['tsconfig.json', 'tsconfig.build.json']) cpSync(join(projectRoot, path), join(folder, path));
    symlinkSync(join(projectRoot, 'node_modules'), join(folder, 'node_modules'));

    for (const path of paths) rmSync(join(folder, 'mlapi', path), { recursive: true });
    let removed = 0;
    for (const file of naming) {
      const before = readFileSync(join(folder, file), 'utf8').split('\n');
      const after = before.filter((line) => !lines.test(line));
      removed += before.length - after.length;
      // An import that only those lines used stays: a person would remove it next.
      writeFileSync(join(folder, file), after.join('\n'));
    }

    expect(removed).toBe(2);
    const options = { cwd: folder, stdio: 'pipe', encoding: 'utf8' } as const;
    const tsc = ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json', '--noUnusedLocals', 'false'];
    execFileSync(process.execPath, [...tsc, '--outDir', join(folder, 'build')], options);

    const tests = readdirSync(join(folder, 'test'), { recursive: true, encoding: 'utf8' })
      .filter((path) => path.endsWith('.test.ts') && proving.test(path))
      .filter((path) => !namesPart.test(readFileSync(join(folder, 'test', path), 'utf8')))
      .map((path) => join('test', path));
    expect(tests.length).toBeGreaterThan(6);
    const jest = [
      '--experimental-vm-modules',
      'node_modules/jest/bin/jest.js',
      '--runInBand',
      '--json',
      '--runTestsByPath',
      ...tests,
    ];
    const report = JSON.parse(execFileSync(process.execPath, jest, options)) as { numPassedTests: number };
    expect(report.numPassedTests).toBeGreaterThan(100);
  },
  300_000,
);

test('`npm run remove client` leaves nothing to repair, no mention of it, and correct types', () => {
  const matrix = ['--import', 'tsx', '.ci/template/removal-matrix.ts', '--short', '--only', 'client'];

  expect(execFileSync(process.execPath, matrix, { encoding: 'utf8' })).toMatch(/^passed: without client, \d+ lines/);
}, 300_000);
