import { expect, test } from '@jest/globals';
import { entries } from './entries.ts';
import { hackathon } from './hackathon.ts';

test('ten clients upload thirty versions: bad ones are refused with the reason, good ones predict and survive a restart', async () => {
  const lines: string[] = [];

  const verdicts = await hackathon((line) => lines.push(line));

  expect(verdicts.map(({ entry, sha256 }) => [entry.what, sha256 !== undefined])).toEqual(
    entries.map(({ what, isGood }) => [what, isGood]),
  );
  expect(new Set(verdicts.map(({ entry }) => entry.name)).size).toBe(10);
  expect(lines).toHaveLength(entries.length + 3);
  for (const { refusal } of verdicts) expect(refusal ?? '422: .').toMatch(/^4(?:00|13|22)\S*[: ].*\.$/);
}, 300_000);
