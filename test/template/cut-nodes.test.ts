import { describe, expect, test } from '@jest/globals';
import ts from 'typescript';
import { applyEdits, cutAround, type Edit } from '../../.ci/template/cut-nodes.ts';

/** Removes every `gone` and what it belongs to, and collapses spaces. */
function cut(text: string, isTest = false): string {
  const source = ts.createSourceFile('x.ts', text, ts.ScriptTarget.Latest, true);
  const edits: Edit[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isIdentifier(node) && node.text === 'gone') edits.push(cutAround(node, isTest));
    else ts.forEachChild(node, visit);
  };
  visit(source);
  return applyEdits(text, edits).replace(/\s+/g, ' ').trim();
}

describe('removes the smallest part that makes sense', () => {
  test.each([
    ['an element of a list', 'const a = [b, gone, c];', 'const a = [b, c];'],
    ['the last element, with a trailing comma', 'const a = [\n  gone,\n];', 'const a = [ ];'],
    ['a property', 'f({ a, gone, b: 1 });', 'f({ a, b: 1 });'],
    ['a row of tuples', 'const a = [[1, gone], [2, b]];', 'const a = [ [2, b]];'],
    ['a member of a union', 'type A = string | gone;', 'type A = string;'],
    ['a parameter', 'function f(a: A, gone: B) {}', 'function f(a: A) {}'],
    ['an import of several', "import { a, gone } from './x.ts';", "import { a } from './x.ts';"],
    ['an import alone', "import { gone } from './x.ts';\na();", 'a();'],
    ['a side of ??', 'a(gone ?? b);', 'a(b);'],
    ['a spread under a condition', 'f({ a, ...(gone && { b }) });', 'f({ a });'],
    ['a statement', 'a();\n/** Of it. */\ngone();\nb();', 'a(); b();'],
    ['a function that returns it', 'function f() { return gone; }\nb();', 'b();'],
    ['a condition that asks for it, with its branch', 'if (gone) a();\nb();', 'b();'],
    ['the other branch', 'if (gone) a(); else c();', 'c();'],
    [
      'unreachable code',
      'function f() { if (gone === undefined) { return 1; } return 2; }',
      'function f() { return 1; }',
    ],
    ['one of several questions', 'if (a === undefined && gone === undefined) b();', 'if (a === undefined) b();'],
    ['one of several questions, asked with !', 'if (!a() && !gone(b)) c();', 'if (!a()) c();'],
    ['a spread of nothing', 'const a = [...b, ...(gone() ?? [])];', 'const a = [...b];'],
    ['the only name of a pattern, with its statement', 'const [, gone] = a();\nb();', 'b();'],
    ['a choice', 'const a = gone === undefined ? 1 : 2;', 'const a = 1;'],
    ['a class that cannot call its superclass', 'class A extends B { constructor() { super(gone); } }\nb();', 'b();'],
  ])('%s', (_what, before, after) => {
    expect(cut(before)).toBe(after);
  });

  test.each([
    ['a whole test', "test('a', () => { x(); gone(); });\ntest('b', () => y());", "test('b', () => y());"],
    ['a row of its table', 'test.each([[1, gone], [2, a]])("x", f);', 'test.each([ [2, a]])("x", f);'],
    ['one of a long list in it', "test('a', () => { x([a, b, gone, c]); });", "test('a', () => { x([a, b, c]); });"],
  ])('in tests, %s', (_what, before, after) => {
    expect(cut(before, true)).toBe(after);
  });
});
