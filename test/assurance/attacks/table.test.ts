import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import ts from 'typescript';

const folder = 'test/assurance/attacks';
const text = readFileSync(join(folder, 'README.md'), 'utf8');

/** Case, verdict, and the tests or the reason. */
const rows = text
  .split('\n')
  .filter((line) => /^\| [A-Z]\d+(?:\.\d+)? /.test(line))
  .map((line) =>
    line
      .split(/(?<!\\)\|/)
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );

const ids = rows.map(([id = '']) => id.split(' ')[0] ?? '');

function numbersOf(letter: string, first: number, last: number): string[] {
  return Array.from({ length: last - first + 1 }, (_, at) => `${letter}${first + at}`);
}

/** The references of each row: a file, and the title of a test or group in it. */
const named = rows.flatMap(([id = '', , tests = '']) =>
  [...tests.matchAll(/`([\w./-]+\.(?:test|bench)\.ts)(?: › ([^`]+))?`/g)].map(([, path = '', title]) => ({
    id: id.split(' ')[0] ?? '',
    path: join(folder, path),
    title,
  })),
);

const titles = new Map<string, ReadonlySet<string>>();

/** The literal titles in a test file, of `describe` and `test`, with `each` too. */
function titlesIn(path: string): ReadonlySet<string> {
  const known = titles.get(path);
  if (known !== undefined) return known;
  const found = new Set<string>();
  const visit = (node: ts.Node): void => {
    if (ts.isCallExpression(node) && /^(?:test|describe)\w*\b/.test(node.expression.getText())) {
      const [title] = node.arguments;
      if (title !== undefined && ts.isStringLiteralLike(title)) found.add(title.text);
      else if (title !== undefined && ts.isTemplateExpression(title)) found.add(title.getText().slice(1, -1));
    }
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile(path, readFileSync(path, 'utf8'), ts.ScriptTarget.Latest, true));
  titles.set(path, found);
  return found;
}

test('the groups A to E and G, F99, F100 and F102, and I1 to I7 have one row per case', () => {
  const groups = [
    ['A', 1, 27],
    ['B', 28, 52],
    ['C', 53, 75],
    ['D', 76, 80],
    ['E', 81, 98],
    ['F', 99, 100],
    ['F', 102, 102],
    ['G', 111, 125],
    ['I', 1, 7],
  ] as const;
  expect(ids.filter((id) => !id.startsWith('Z'))).toEqual(
    groups.flatMap(([letter, first, last]) => numbersOf(letter, first, last)),
  );
});

test('group Z has one row per finding, in order', () => {
  const found = ids.filter((id) => id.startsWith('Z'));
  expect(found).toEqual([...new Set(found)].sort((a, b) => a.localeCompare(b, 'en', { numeric: true })));
});

test('each row has a verdict, and a test or a reason', () => {
  const silent = rows.filter(([, verdict = '', tests = '']) => verdict === '' || tests === '');
  expect(silent).toEqual([]);
});

test('each referenced file and title exists', () => {
  expect(named.length).toBeGreaterThan(150);
  const missing = named.filter(
    ({ path, title }) => !existsSync(path) || (title !== undefined && !titlesIn(path).has(title)),
  );
  expect(missing).toEqual([]);
});
