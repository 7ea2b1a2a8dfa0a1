import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from '@jest/globals';
import { dropDeadPaths } from '../../.ci/template/dead-paths.ts';
import { dropAssurance, wordsOfPrograms } from '../../.ci/template/drop-assurance.ts';
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

const evidence = {
  'test/assurance/load/run.ts': 'gone();',
  'test/assurance/other/run.ts': 'kept();',
  'test/assurance/attacks/README.md': '| A1 | `a.test.ts` |\n',
  'test/assurance/attacks/table.test.ts': '',
  'test/assurance/attacks/a.test.ts': '',
  'test/assurance/supply/asvs.test.ts': '',
  'files/asvs.md': '| 1.1.1 | `test/a.test.ts` |\n',
};

function left(root: string): string[] {
  return Object.keys(evidence).filter((path) => existsSync(join(root, path)));
}

test('a folder of programs that mention the feature is removed, and no table without it', () => {
  const root = projectOf(evidence);

  expect(dropAssurance(root, () => /gone/)).toEqual({ folders: ['load'], isAsvsDropped: false });

  expect(left(root)).toEqual(Object.keys(evidence).filter((path) => !path.startsWith('test/assurance/load')));
});

test('a table that mentions the feature, or a removed folder, goes with its test; that of attacks keeps its other rows', () => {
  const root = projectOf({
    ...evidence,
    'files/asvs.md': '| 1.1.1 | `test/assurance/load/run.ts` |\n',
    'test/assurance/attacks/README.md': '| A1 | `a.test.ts` |\n| A2 | gone |\n',
  });

  expect(dropAssurance(root, () => /gone/)).toEqual({ folders: ['load'], isAsvsDropped: true });

  expect(left(root)).toEqual([
    'test/assurance/other/run.ts',
    'test/assurance/attacks/README.md',
    'test/assurance/attacks/a.test.ts',
  ]);
});

test('pages lose mentions of the removed programs, and of nothing that begins like them', () => {
  const words = wordsOfPrograms({ folders: ['load', 'deploy'], isAsvsDropped: true }, ['load:all']);

  const gone = [
    'test/assurance/load/run.ts',
    '`../deploy/a.test.ts`',
    '## Load',
    '[load](#load)',
    'npm run load:all',
    '[a](files/asvs.md)',
  ];
  const kept = [
    '# Deployment',
    '../deploy/README.md',
    '[deployment](#deployment)',
    'npm run loads',
    'test/assurance/loads/run.ts',
  ];
  expect([...gone, ...kept].filter((text) => words.test(text))).toEqual(gone);
});

test('lists of paths lose those of deleted tests, also between braces', () => {
  const before = 'a=(\n  test/one\n  test/two/{a,b,c}\n  test/two/{b,c}\n  test/{x,b}/\n)\n';
  const root = projectOf({ '.ci/run': before, 'test/two/a.test.ts': '', 'test/x/a.test.ts': '' });
  const known = ['.ci/run', 'test/one.test.ts', 'test/two/a.test.ts', 'test/two/b.test.ts', 'test/two/c.test.ts'];

  expect(dropDeadPaths(root, known)).toEqual(['.ci/run']);

  const lines = readFileSync(join(root, '.ci/run'), 'utf8').split('\n');
  expect(lines.map((line) => line.trim()).filter((line) => line !== '')).toEqual([
    'a=(',
    'test/two/a',
    'test/{x,b}/',
    ')',
  ]);
});
