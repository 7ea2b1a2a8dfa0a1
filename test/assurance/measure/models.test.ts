import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { temporaryFolder } from '../../support/service.ts';
import { measure, type Measured } from './measure.ts';
import { report } from './report.ts';
import { judge } from './verdicts.ts';

// The full run, with its figures: npm run measure:models

let measured: Measured;
beforeAll(async () => {
  const say = () => undefined;
  measured = await measure({
    uploads: 40,
    warmUp: 3,
    models: 6,
    starts: 1,
    predictions: 1,
    settleMs: 0,
    startSettleMs: 0,
    say,
  });
}, 300_000);

const verdictOf = (name: string, changed: Partial<Measured> = {}) =>
  judge({ ...measured, ...changed }).find((verdict) => verdict.name === name);

describe('a short run', () => {
  // Memory and time of a run this short, beside other tests, mean nothing.
  test.each(['40 hostile uploads: all refused', 'no process left', 'no file left'])('%s', (name) => {
    expect(verdictOf(name)).toMatchObject({ name, isMet: true });
  });

  test('every kind of refusal occurred, each upload is counted, and some were inspected', () => {
    const { answers, inspected } = measured.hostile;
    expect(Object.values(answers).reduce((one, other) => one + other)).toBe(40);
    expect(Object.keys(answers)).toEqual(
      expect.arrayContaining([
        '0 torn',
        '422 not_onnx',
        '422 malformed_model',
        '422 external_data',
        '422 model_refused',
      ]),
    );
    expect(inspected).toBeGreaterThan(2);
  });

  test('the report has verdicts and figures', () => {
    const folder = temporaryFolder();
    report(measured, { command: 'npm run measure:models', hackathonSeconds: 20 }, folder);
    const text = readFileSync(join(folder, 'models.md'), 'utf8');
    expect(text).toContain('| no process left | yes | 2 to 2 | none more |');
    expect(text).toContain('| `npm run demo:hackathon` | 20 s |');
    expect(text).not.toMatch(/NaN|undefined|Infinity/);
    expect(JSON.parse(readFileSync(join(folder, 'models.json'), 'utf8'))).toMatchObject({ models: 6 });
  });
});

test('each verdict can fail', () => {
  const { hostile, starts } = measured;
  const worse = {
    ...hostile,
    answers: { '201 undefined': 1 },
    rssMb: { fresh: 100, before: 100, after: 111 },
    processes: { before: 2, after: 3 },
    filesLeft: ['models/incoming/x'],
    longestDelayMs: 51,
    liveness: { ...hostile.liveness, failed: 1 },
  };
  const grown = { ...starts.without, rssMb: starts.without.rssMb.map((rssMb) => rssMb + 1) };
  const changed = { hostile: worse, firstPredictionsMs: [1_001], starts: { ...starts, with: grown } };
  expect(judge({ ...measured, ...changed }).map(({ isMet }) => isMet)).toEqual(Array(8).fill(false));
});
