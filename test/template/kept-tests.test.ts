import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import ts from 'typescript';
import { cutAround } from '../../.ci/template/cut-nodes.ts';
import { features, isFeature } from '../../.ci/template/features.ts';

const folders = ['test/auth', 'test/config', 'test/http', 'test/oauth'];
const files = folders.flatMap((folder) =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.test.ts'))
    .map((name) => join(folder, name)),
);

/** Titles of the tests that a removal deletes as a whole because of a word in them. */
function lostIn(path: string, words: RegExp): string[] {
  const source = ts.createSourceFile(path, readFileSync(path, 'utf8'), ts.ScriptTarget.Latest, true);
  const tests = source.statements.flatMap((statement) => testsIn(statement));
  const lost = new Set<string>();
  const visit = (node: ts.Node): void => {
    const isNamed = ts.isIdentifier(node) || ts.isStringLiteralLike(node) || ts.isTemplateHead(node);
    if (isNamed && words.test(node.text)) {
      const { from, to, text } = cutAround(node, true);
      for (const { title, call } of tests)
        if (text === '' && from <= call.getStart() && to >= call.getEnd()) lost.add(title);
    } else ts.forEachChild(node, visit);
  };
  visit(source);
  return [...lost];
}

function testsIn(node: ts.Node): { title: string; call: ts.CallExpression }[] {
  const found: { title: string; call: ts.CallExpression }[] = [];
  const visit = (inner: ts.Node): void => {
    if (ts.isCallExpression(inner) && /^test\b/.test(inner.expression.getText())) {
      const [title] = inner.arguments;
      if (title !== undefined && ts.isStringLiteralLike(title)) found.push({ title: title.text, call: inner });
    }
    ts.forEachChild(inner, visit);
  };
  visit(node);
  return found;
}

test.each(Object.keys(features).filter(isFeature))('the tests of the core survive the removal of %s', (name) => {
  const { paths, words, except = [] } = features[name];
  const isOwn = (path: string) => [...paths, ...except].some((own) => path.startsWith(own));
  const lost = files
    .filter((path) => !isOwn(path))
    .flatMap((path) => lostIn(path, words).map((title) => `${path} › ${title}`));
  expect(lost).toEqual([]);
});
