import { shareOf, type Result } from './compare.ts';
import { showSpread, type Spread } from '../../support/figures.ts';
import type { Measurement } from './measure.ts';
import type { Fact, Section } from './report.ts';

export interface Goal {
  readonly name: string;
  readonly isMet: boolean;
  readonly figure: string;
  readonly bound: string;
}

interface ShareGoal {
  readonly name: string;
  /** The name of the contest: `matrix 1x32`. */
  readonly title: string;
  readonly of: string;
  readonly to: string;
  readonly figure: keyof Measurement;
  readonly least?: number;
  readonly most?: number;
}

const requests = 'requestsPerSecond';

const shareGoals: readonly ShareGoal[] = [
  { name: '1 row, 32 connections', title: 'matrix 1x32', of: 'mlapi', to: 'bare', figure: requests, least: 1.2 },
  { name: 'its p99', title: 'matrix 1x32', of: 'mlapi', to: 'bare', figure: 'p99Ms', most: 1 },
  {
    name: 'its share of an empty answer',
    title: 'matrix 1x32',
    of: 'mlapi',
    to: 'empty',
    figure: requests,
    least: 0.6,
  },
  { name: '1 row, 1 connection', title: 'matrix 1x1', of: 'mlapi', to: 'bare', figure: requests, least: 0.85 },
  { name: '32 rows', title: 'matrix 32x32', of: 'mlapi', to: 'bare', figure: requests, least: 0.9 },
  { name: '1,000 rows', title: 'matrix 1000x32', of: 'mlapi', to: 'bare', figure: requests, least: 0.9 },
  { name: 'beside Flask', title: 'matrix 1x32', of: 'mlapi', to: 'flask', figure: requests, least: 12 },
  { name: 'beside FastAPI', title: 'matrix 1x32', of: 'mlapi', to: 'fastapi', figure: requests, least: 7 },
  { name: 'two workers', title: 'workers', of: '2 workers', to: '1 worker', figure: requests, least: 1.6 },
  { name: '100 models', title: 'models', of: '100 models', to: '1 model', figure: requests, least: 0.9 },
  { name: 'batching', title: 'batching', of: 'batching', to: 'no batching', figure: requests, least: 2 },
  { name: 'its p99', title: 'batching', of: 'batching', to: 'no batching', figure: 'p99Ms', most: 1 },
  {
    name: 'a model beside a saturated one',
    title: 'slow, predictions',
    of: 'predictions, saturated',
    to: 'predictions, unloaded',
    figure: 'p99Ms',
    most: 2,
  },
  {
    name: 'binary tensors, 1 row',
    title: 'protocol, 1 rows',
    of: '/v2 infer',
    to: '/api predict',
    figure: requests,
    least: 1,
  },
  {
    name: 'binary tensors, 32 rows',
    title: 'protocol, 32 rows',
    of: '/v2 infer',
    to: '/api predict',
    figure: requests,
    least: 1,
  },
  { name: 'observing', title: 'observing', of: 'log and metrics', to: 'neither', figure: requests, least: 0.85 },
  { name: 'a full database', title: 'state', of: 'full', to: 'empty', figure: requests, least: 0.95 },
];

const factGoals: readonly { name: string; most: number }[] = [
  { name: 'start to ready, ms', most: 1_000 },
  // 150 MB are 143 MiB.
  { name: 'idle memory of the worker, MiB', most: 143 },
  { name: 'idle memory of both, shared pages once, MB', most: 150 },
  { name: 'liveness p99 beside a saturated model, ms', most: 10 },
  { name: 'answers past their deadline, at most, ms', most: 50 },
  { name: 'memory after, as a share of before', most: 1.1 },
];

/** The goals for everything that was measured. Medians decide. */
export function judge(sections: readonly Section[]): Goal[] {
  const results = sections.flatMap((section) => section.results);
  const facts = sections.flatMap((section) => section.facts);
  return [
    ...shareGoals.flatMap((goal) => judgeShare(goal, results)),
    ...factGoals.flatMap(({ name, most }) => judgeFact(name, most, facts)),
  ];
}

function judgeShare({ name, title, of, to, figure, least, most }: ShareGoal, results: readonly Result[]): Goal[] {
  const result = results.find((one) => one.title === title);
  if (result === undefined || !(of in result.measurements) || !(to in result.measurements)) return [];
  const share = shareOf(result, of, to, figure);
  return [goal(`${name}: ${of} / ${to}, ${figure === requests ? 'requests/s' : 'p99'}`, share, least, most)];
}

function judgeFact(name: string, most: number, facts: readonly Fact[]): Goal[] {
  const fact = facts.find((one) => one.name === name);
  return fact === undefined ? [] : [goal(name, fact.spread, undefined, most)];
}

function goal(name: string, spread: Spread, least = -Infinity, most = Infinity): Goal {
  const bound = most === Infinity ? `at least ${least}` : `at most ${most}`;
  return { name, isMet: spread.median >= least && spread.median <= most, figure: showSpread(spread), bound };
}
