import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from '@jest/globals';
import { cutCode } from '../../.ci/template/cut-code.ts';
import { filesUnder } from '../../.ci/template/project-files.ts';
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

  const { leftovers } = cutCode(root, () => /gone/i);

  expect(leftovers).toEqual([]);
  const left = Object.keys(files).filter((path) => existsSync(join(root, path)));
  expect(left).toEqual(Object.keys(files).filter((path) => path !== 'test/cut.test.ts'));
});

const compiled = {
  'tsconfig.json': '{"compilerOptions":{"allowImportingTsExtensions":true,"noEmit":true},"include":["**/*.ts"]}',
};

test('a group without tests is removed from a file that has others', () => {
  const declared = 'declare const describe: any, test: any;\n';
  const group = "describe('one', () => {\n  test('gone', () => {});\n});\n";
  const root = projectOf({
    ...compiled,
    'test/a.test.ts': `${declared}${group}describe('two', () => {\n  test('b', () => {});\n});\nexport {};\n`,
  });

  cutCode(root, () => /gone/);

  expect(readFileSync(join(root, 'test/a.test.ts'), 'utf8')).toBe(
    `${declared}describe('two', () => {\n  test('b', () => {});\n});\nexport {};\n`,
  );
});

test('a group by a name of the file’s own is removed when it has no test left', () => {
  const declared = 'declare const describe: any, test: any;\nconst describeIt = describe;\n';
  const root = projectOf({
    ...compiled,
    'test/a.test.ts': `${declared}test('b', () => {});\ndescribeIt('one', () => {\n  test('gone', () => {});\n});\nexport {};\n`,
  });

  cutCode(root, () => /gone/);

  expect(readFileSync(join(root, 'test/a.test.ts'), 'utf8')).toBe(`${declared}test('b', () => {});\nexport {};\n`);
});

test.each([
  [
    'an argument that a function no longer takes, also one that is a call',
    'declare function f(a: number, gone: number): void;\ndeclare function one(): number;\nf(1, one());\n',
    'declare function f(a: number): void;\ndeclare function one(): number;\nf(1);\n',
  ],
  [
    'one rule of a chain, where it is about names',
    "declare const schema: any;\nexport const a = schema.object().without('gone', 'b').required();\n",
    'declare const schema: any;\nexport const a = schema.object().required();\n',
  ],
  [
    'a comment that stands alone, with its line',
    'export interface A {\n  a: number;\n  /** Gone. */\n  b: number;\n}\n',
    'export interface A {\n  a: number;\n  b: number;\n}\n',
  ],
  [
    'a sentence of a comment, with nothing of its tags',
    '/**\n * One. Gone.\n * @param a two\n * @throws three\n */\nexport const f = (a: number) => a;\n',
    '/**\n * One.\n * @param a two\n * @throws three\n */\nexport const f = (a: number) => a;\n',
  ],
  [
    'a side of a returned value, with the name of the other',
    'export function f(a: number) {\n  const b = a + 1;\n  return gone ?? b;\n}\ndeclare const gone: undefined;\n',
    'export function f(a: number) {\n  return a + 1;\n}\n',
  ],
  [
    'a list beside another, with the copy of that',
    'export const f = (a: number[]) => [...a.map((b) => b), ...gone];\ndeclare const gone: number[];\n',
    'export const f = (a: number[]) => a.map((b) => b);\n',
  ],
])('%s, is removed', (_what, before, after) => {
  const root = projectOf({ ...compiled, 'a.ts': before, 'gone.ts': 'export {};\n' });

  const { leftovers } = cutCode(root, () => /gone/i);

  expect(leftovers).toEqual([]);
  expect(readFileSync(join(root, 'a.ts'), 'utf8')).toBe(after);
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

test('packages are not searched for words, wherever they are installed', () => {
  const root = projectOf({ 'node_modules/a/x.ts': '', '.ci/sbom/node_modules/b/x.ts': '', 'mlapi/x.ts': '' });

  expect(filesUnder(root)).toEqual(['mlapi/x.ts']);
});
