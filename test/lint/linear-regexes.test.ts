import { spawnSync } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';

/** The lines of this text that the rule refuses when eslint runs as in `npm run lint`. */
function lint(file: string, text: string): number[] {
  const words = ['node_modules/eslint/bin/eslint.js', '--format', 'json', '--stdin', '--stdin-filename', file];
  const { stdout, stderr } = spawnSync(process.execPath, words, { input: text, encoding: 'utf8' });
  if (stdout === '') throw new Error(stderr);
  const [{ messages }] = JSON.parse(stdout) as [{ messages: { ruleId: string; line: number }[] }];
  return messages.filter(({ ruleId }) => ruleId === 'regexes/linear').map(({ line }) => line);
}

const refused: [string, string][] = [
  ['a loop without a fixed start', String.raw`/ +$/.test(text)`],
  ['the former expression for tokens, shortened', String.raw`text.replace(/[a-z]{3,}\.[a-z]{3,}\.[a-z]*/g, '')`],
  ['loops over the same text', String.raw`/^a*b?a*$/.test(text)`],
  ['a loop in a loop', String.raw`/^(?:a+)+$/.test(text)`],
  ['a group that is repeated', String.raw`/^(a+)b\1$/.test(text)`],
  ['look-around', String.raw`/(?<![a-z])[a-z]{10,}x/.test(text)`],
  ['RegExp of a literal', String.raw`new RegExp(' +$').test(text)`],
  ['RegExp called as a function', String.raw`RegExp(' +$').test(text)`],
  ['RegExp of a variable', String.raw`new RegExp(text).test(text)`],
  ['RegExp of a template', 'new RegExp(`^${text}$`).test(text)'],
  ['a string that becomes one', String.raw`text.match(' +$')`],
  ['a variable that becomes one', String.raw`text.search(text)`],
];
const accepted: [string, string][] = [
  ['a fixed start', String.raw`/^ +$/.test(text)`],
  ['loops apart', String.raw`/^[a-z]+(?:\.[a-z]+)*$/.test(text)`],
  ['a bounded loop', String.raw`/ {1,9}$/.test(text)`],
  ['an expression by its name', String.raw`text.matchAll(known)`],
];

describe('npm run lint', () => {
  test('refuses each regular expression that is not proved linear, and no other', () => {
    const cases = [...refused, ...accepted];
    const lines = ['declare const text: string;', 'const known = /a/g;', ...cases.map(([, code]) => `${code};`)];
    const expected = refused.map((_, index) => index + 3);
    expect(lint('mlapi/version.ts', lines.join('\n'))).toEqual(expected);
  }, 120_000);

  test('no file of the service disables the rule', () => {
    const files = readdirSync('mlapi', { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'));
    const switchedOff = files.filter((name) => readFileSync(join('mlapi', name), 'utf8').includes('regexes/linear'));
    expect(switchedOff).toEqual([]);
    const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: Record<string, string> };
    expect(scripts.lint).toContain('npm run lint:rules -- . &&');
    expect(scripts['lint:rules']).toMatch(/^eslint /);
  });
});
