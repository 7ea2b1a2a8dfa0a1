import { execFileSync } from 'node:child_process';
import { cpSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { temporaryFolder } from '../support/service.ts';

const changed = [
  'README.md',
  'files/mlapi.postman_collection.json',
  'mlapi/version.ts',
  'package-lock.json',
  'package.json',
];

test('a clone gets its name where programs and people read it, and can be renamed again', () => {
  const root = temporaryFolder();
  for (const path of [...changed, '.ci/template/rename.ts']) cpSync(path, join(root, path));
  const rename = (name: string) =>
    execFileSync(process.execPath, ['--import', 'tsx', join(root, '.ci/template/rename.ts'), name], { stdio: 'pipe' });
  const read = (path: string) => readFileSync(join(root, path), 'utf8');
  const nameIn = (path: string) => (JSON.parse(read(path)) as { name?: string }).name;

  rename('my-api');

  expect(changed.filter((path) => read(path) === readFileSync(path, 'utf8'))).toEqual([]);
  expect([nameIn('package.json'), nameIn('package-lock.json')]).toEqual(['my-api', 'my-api']);
  expect(read('README.md')).toMatch(/^# my-api\n/);
  // The documents are named after the service, and a test compares this line with them.
  expect(read('README.md')).toContain('{"openapi":"3.1.0","info":{"title":"my-api"');
  expect(read('mlapi/version.ts')).toContain("serviceName = 'my-api'");
  const renamed = changed.map(read);
  rename('other');
  rename('my-api');
  expect(changed.map(read)).toEqual(renamed);
});
