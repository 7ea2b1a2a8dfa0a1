import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';

/** Removed with the types, so the lines below move up. */
interface Place {
  readonly line: number;
  readonly column: number;
}

test('a stack trace has the line and column of the source', () => {
  const { stack = '' } = new Error('here');

  const lines = readFileSync('test/run/typescript.test.ts', 'utf8').split('\n');
  const line = lines.findIndex((text) => text.includes("new Error('here')"));
  const place: Place = { line: line + 1, column: lines[line]!.indexOf('new Error') + 1 };
  expect(stack).toContain(`test/run/typescript.test.ts:${place.line}:${place.column}`);
});
