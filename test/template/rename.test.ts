import { execFileSync } from 'node:child_process';
import { cpSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, expect, test } from '@jest/globals';
import { temporaryFolder } from '../support/service.ts';

const changed = [
  'README.md',
  'files/mlapi.postman_collection.json',
  'mlapi/version.ts',
  'package-lock.json',
  'package.json',
];

let root: string;
beforeEach(() => {
  root = temporaryFolder();
  for (const path of [...changed, '.ci/template/rename.ts']) cpSync(path, join(root, path));
});

function rename(name: string): void {
  execFileSync(process.execPath, ['--import', 'tsx', join(root, '.ci/template/rename.ts'), name], { stdio: 'pipe' });
}

function read(path: string): string {
  return readFileSync(join(root, path), 'utf8');
}

test('a clone gets its name where programs and people read it, and can be renamed again', () => {
  const nameIn = (path: string) => (JSON.parse(read(path)) as { name?: string }).name;
  rename('first-name');

  expect(changed.filter((path) => read(path) === readFileSync(path, 'utf8'))).toEqual([]);
  expect([nameIn('package.json'), nameIn('package-lock.json')]).toEqual(['first-name', 'first-name']);
  expect(read('README.md')).toMatch(/^# first-name\n/);
  expect(read('mlapi/version.ts')).toContain("serviceName = 'first-name'");
  const renamed = changed.map(read);
  rename('second-name');
  expect(changed.map(read)).not.toEqual(renamed);
  rename('first-name');
  expect(changed.map(read)).toEqual(renamed);
});

test('the README shows the OpenAPI description under the new name', () => {
  rename('first-name');

  expect(read('README.md')).toContain('{"openapi":"3.1.0","info":{"title":"first-name"');
});
