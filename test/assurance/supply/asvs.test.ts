import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';

/** The levels of the requirements of ASVS 5.0.0, by section, in order. */
const standard: Readonly<Record<string, string>> = {
  '1.1': '22',
  '1.2': '1111122223',
  '1.3': '112222222223',
  '1.4': '222',
  '1.5': '123',
  '2.1': '122',
  '2.2': '112',
  '2.3': '12223',
  '2.4': '23',
  '3.1': '3',
  '3.2': '113',
  '3.3': '12223',
  '3.4': '11222233',
  '3.5': '11122333',
  '3.6': '3',
  '3.7': '22333',
  '4.1': '12233',
  '4.2': '23333',
  '4.3': '22',
  '4.4': '1222',
  '5.1': '2',
  '5.2': '112333',
  '5.3': '113',
  '5.4': '222',
  '6.1': '122',
  '6.2': '111111112222',
  '6.3': '11223333',
  '6.4': '112233',
  '6.5': '22222333',
  '6.6': '2223',
  '6.7': '33',
  '6.8': '2222',
  '7.1': '222',
  '7.2': '1111',
  '7.3': '22',
  '7.4': '11222',
  '7.5': '223',
  '7.6': '22',
  '8.1': '1233',
  '8.2': '1123',
  '8.3': '133',
  '8.4': '23',
  '9.1': '111',
  '9.2': '1222',
  '10.1': '22',
  '10.2': '223',
  '10.3': '22223',
  '10.4': '1111122222233333',
  '10.5': '22222',
  '10.6': '22',
  '10.7': '222',
  '11.1': '2233',
  '11.2': '22233',
  '11.3': '11233',
  '11.4': '1222',
  '11.5': '23',
  '11.6': '23',
  '11.7': '33',
  '12.1': '12233',
  '12.2': '11',
  '12.3': '22223',
  '13.1': '2333',
  '13.2': '222223',
  '13.3': '2233',
  '13.4': '1222233',
  '14.1': '22',
  '14.2': '12223333',
  '14.3': '122',
  '15.1': '12233',
  '15.2': '12233',
  '15.3': '1222222',
  '15.4': '3333',
  '16.1': '2',
  '16.2': '22222',
  '16.3': '2222',
  '16.4': '222',
  '16.5': '2223',
  '17.1': '23',
  '17.2': '22223333',
  '17.3': '22',
};
const levels = new Map<string, string>(
  Object.entries(standard).flatMap(([section, digits]) =>
    Array.from(digits, (level, index) => [`${section}.${index + 1}`, level] as const),
  ),
);
const verdicts = ['met', 'partly', 'not met', 'yours', 'does not apply'];

const page = readFileSync('files/asvs.md', 'utf8');
const rows = page
  .split('\n')
  .filter((line) => /^\| \d/.test(line))
  .map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
const requirements = rows
  .filter(([numbers = '']) => numbers.includes('.'))
  .map(([numbers = '', level, asked = '', verdict = '', how = '', proof = '']) => ({
    numbers: numbers.split(', '),
    level,
    asked,
    verdict,
    how,
    proof,
  }));

describe('files/asvs.md', () => {
  test('it has every requirement of the standard once: 70 of level 1, 183 of level 2, 92 of level 3', () => {
    expect(['1', '2', '3'].map((level) => [...levels.values()].filter((found) => found === level).length)).toEqual([
      70, 183, 92,
    ]);
    expect(requirements.flatMap(({ numbers }) => numbers).sort()).toEqual([...levels.keys()].sort());
  });

  test('each row has its level, a verdict and a reason', () => {
    for (const { numbers, level, asked, verdict, how } of requirements) {
      const expected = [...new Set(numbers.map((number) => levels.get(number)))].sort().join(', ');
      expect([numbers, level, verdicts.includes(verdict), asked !== '', how !== '']).toEqual([
        numbers,
        expected,
        true,
        true,
        true,
      ]);
    }
  });

  test('each met or partly met requirement has a proof, and every proof exists', () => {
    const unproved = requirements.filter(
      ({ verdict, proof }) => ['met', 'partly'].includes(verdict) && !proof.includes('`'),
    );
    expect(unproved.map(({ numbers }) => numbers)).toEqual([]);
    const named = requirements.flatMap(({ proof }) => [...proof.matchAll(/`([^`]+)`/g)].map(([, path = '']) => path));
    expect(named.length).toBeGreaterThan(150);
    expect(named.filter((path) => !existsSync(path))).toEqual([]);
  });

  test('its summary matches its rows', () => {
    const summary = rows.filter(([first = '']) => !first.includes('.')).map((cells) => cells.map(Number));
    const counted = [1, 2, 3].map((level) => {
      const found = requirements.flatMap(({ numbers, verdict }) =>
        numbers.filter((number) => levels.get(number) === String(level)).map(() => verdict),
      );
      return [level, found.length, ...verdicts.map((verdict) => found.filter((one) => one === verdict).length)];
    });
    expect(summary).toEqual(counted);
  });
});
