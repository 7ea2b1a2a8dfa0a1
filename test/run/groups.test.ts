import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';

const root = process.cwd();
const { systemTests } = (await import(join(root, 'jest.config.js'))) as { systemTests: Record<string, string[]> };
const testFiles = readdirSync('test', { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.test.ts'))
  .map((name) => join(root, 'test', name))
  .sort();

/** The files that an npm script runs. */
function listed(script: string, ...words: string[]): string[] {
  const { PATH = '', HOME = '' } = process.env;
  const args = ['run', '--silent', script, '--', '--listTests', ...words];
  return execFileSync('npm', args, { encoding: 'utf8', env: { PATH, HOME } }).trim().split('\n').sort();
}

test('every test file belongs to exactly one of `npm test` and `npm run test:system`, and to `npm run test:all`', () => {
  const [quick, system] = [listed('test'), listed('test:system')];

  expect([...quick, ...system].sort()).toEqual(testFiles);
  expect(system.length).toBeGreaterThan(0);
  expect(listed('test:all')).toEqual(testFiles);
});

test('`npm test PATH` runs system tests too if they are named', () => {
  const faults = testFiles.filter((path) => path.startsWith(join(root, 'test/assurance/faults/')));

  expect(listed('test', 'test/assurance/faults/')).toEqual(faults);
});

test('every path on the list of system tests exists', () => {
  const paths = Object.values(systemTests).flat();

  expect(paths.filter((path) => !existsSync(path))).toEqual([]);
  expect(new Set(paths).size).toBe(paths.length);
});

test('every path that .ci/run names exists', () => {
  const text = readFileSync('.ci/run', 'utf8');
  const paths = [...text.matchAll(/(?<=[\s(])(test\/[\w./-]+)(?:\{([^}]+)\})?/g)].flatMap(([, start = '', ends = '']) =>
    ends.split(',').map((end) => start + end),
  );

  const files = readdirSync('test', { recursive: true, encoding: 'utf8' }).map((name) => join('test', name));
  expect(paths.filter((path) => !files.some((file) => file.startsWith(path)))).toEqual([]);
  expect(paths.length).toBeGreaterThan(5);
});
