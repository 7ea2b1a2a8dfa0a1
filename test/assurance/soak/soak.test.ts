import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { temporaryFolder } from '../../support/service.ts';
import { report } from './report.ts';
import { soak, type SoakRun } from './soak.ts';
import { Tally } from './tally.ts';
import { judge } from './verdicts.ts';

// The full run, with its figures: npm run soak -- --minutes 30

let run: SoakRun;
beforeAll(async () => {
  run = await soak({ minutes: 0.2, workers: 2 });
}, 300_000);

const isMet = (name: string, changed: Partial<SoakRun> = {}) =>
  judge({ ...run, ...changed }).find((verdict) => verdict.name === name)?.isMet;

describe('a short soak', () => {
  // Memory and time of a run this short, beside other tests, mean nothing.
  test.each([
    'good traffic without one error',
    'hostile traffic only refused',
    'file descriptors back',
    'log bounded',
    'no process replaced',
    'it ends as it should',
  ])('%s', (name) => {
    const verdict = judge(run).find((one) => one.name === name);
    expect({ ...verdict, errors: run.tally.goodErrors }).toMatchObject({ name, isMet: true, errors: [] });
  });

  test('every kind of traffic occurred', () => {
    expect([...run.tally.answers.keys()].sort()).toEqual([
      'good: a revoked token',
      'good: models',
      'good: predict',
      'good: refresh',
      'good: reset',
      'good: revoke',
      'good: session',
      'hostile: a bad body',
      'hostile: a bad token',
      'hostile: a flood',
      'hostile: a replay',
      'hostile: a slow connection',
      'hostile: a torn connection',
      'hostile: a wrong password',
      'hostile: a wrong path or method',
      'hostile: garbage',
    ]);
    expect(run.tally.answers.get('hostile: a flood')?.get(429)).toBeGreaterThan(0);
  });

  test('the report has verdicts, figures and a plot', () => {
    const folder = temporaryFolder();
    report(run, folder);
    expect(readFileSync(join(folder, 'soak.md'), 'utf8')).toContain('| good traffic without one error | yes | 0 of ');
    expect(readFileSync(join(folder, 'soak.svg'), 'utf8').match(/<polyline/g)).toHaveLength(12);
    const { samples } = JSON.parse(readFileSync(join(folder, 'soak.json'), 'utf8')) as SoakRun;
    expect(samples[0]?.processes).toHaveLength(3);
  });
});

test('each verdict can fail', () => {
  const worse = run.samples.map((sample, index) => ({
    ...sample,
    goodP99Ms: index < run.samples.length / 2 ? 10 : 50,
    processes: sample.processes.map((one) => ({ ...one, rssMb: 100 + index * 3, threads: 10 + index })),
  }));
  const tally = new Tally();
  tally.good('predict', 500, false, 1);
  tally.hostile('a bad token', 200);
  tally.liveness(150);
  const more = run.idleAfter.map((one) => ({ ...one, pid: one.pid + 1, fds: one.fds + 10 }));
  expect(isMet('good traffic without one error', { tally })).toBe(false);
  expect(isMet('hostile traffic only refused', { tally })).toBe(false);
  expect(isMet('liveness', { tally })).toBe(false);
  expect(isMet('memory flat', { samples: worse })).toBe(false);
  expect(isMet('threads flat', { samples: worse })).toBe(false);
  expect(isMet('latency flat', { samples: worse })).toBe(false);
  expect(isMet('file descriptors back', { idleAfter: more })).toBe(false);
  expect(isMet('no process replaced', { idleAfter: more })).toBe(false);
  expect(isMet('log bounded', { logLines: run.tally.total + 101 })).toBe(false);
  expect(isMet('log bounded', { logBytes: run.tally.total * 601 })).toBe(false);
  expect(isMet('it ends as it should', { exitCode: 1 })).toBe(false);
});
