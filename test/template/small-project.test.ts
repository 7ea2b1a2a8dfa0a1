import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from '@jest/globals';
import { cutCode } from '../../.ci/template/cut-code.ts';
import { dropDeadScripts } from '../../.ci/template/tidy-package.ts';
import { temporaryFolder } from '../support/service.ts';

/** A folder with these files. */
function projectOf(files: Readonly<Record<string, string>>): string {
  const root = temporaryFolder();
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  return root;
}

test('test files that have lost their last test are deleted, and no others', () => {
  const declared = 'declare const test: any, skipped: boolean, check: () => void;\n';
  const files = {
    'tsconfig.json': '{"compilerOptions":{"allowImportingTsExtensions":true,"noEmit":true},"include":["**/*.ts"]}',
    'test/cut.test.ts': `${declared}test('gone', () => {});\nexport {};\n`,
    'test/partly.test.ts': `${declared}test('gone', () => {});\n(skipped ? test.skip : test)('stays', () => {});\nexport {};\n`,
    'test/listed.test.ts': `${declared}test('gone', () => {});\ntest.each([1])('%i', check);\nexport {};\n`,
    'test/other.test.ts': 'export {};\n',
  };
  const root = projectOf(files);

  const { leftovers } = cutCode(root, () => /gone/);

  expect(leftovers).toEqual([]);
  const left = Object.keys(files).filter((path) => existsSync(join(root, path)));
  expect(left).toEqual(Object.keys(files).filter((path) => path !== 'test/cut.test.ts'));
});

test('scripts of deleted programs are removed, but not those in the build, which is created later', () => {
  const scripts = {
    start: 'exec node build/mlapi/cli/serve.js',
    there: 'tsx mlapi/cli/main.ts',
    gone: 'tsx mlapi/cli/gone.ts',
  };
  const root = projectOf({ 'package.json': JSON.stringify({ scripts }), 'mlapi/cli/main.ts': '' });

  dropDeadScripts(root);

  const { gone: _gone, ...left } = scripts;
  expect(JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))).toEqual({ scripts: left });
});
