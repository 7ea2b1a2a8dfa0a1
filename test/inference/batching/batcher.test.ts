import { setImmediate as nextTurn, setTimeout as delay } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import { Problem } from '../../../mlapi/http/problem.ts';
import { type BatcherOptions } from '../../../mlapi/inference/batching/batcher-options.ts';
import { Batcher } from '../../../mlapi/inference/batching/batcher.ts';
import { CostModel } from '../../../mlapi/inference/batching/cost-model.ts';
import type { Executor, RunResult } from '../../../mlapi/inference/execution/executor.ts';
import type { ObservedResponse, ObservedRun } from '../../../mlapi/inference/observer.ts';
import type { Matrix } from '../../../mlapi/inference/tensors/types.ts';

const row: Matrix = { data: new Float32Array(1), rows: 1, width: 1 };

/** Accepts one run, which never ends. */
class EndlessExecutor implements Executor {
  readonly kind = 'child';
  readonly slots = 1;
  readonly fault = undefined;
  free = 1;
  onChange = () => undefined;

  run(_input?: unknown): Promise<never> {
    this.free = 0;
    return new Promise(() => undefined);
  }

  memory(): [] {
    return [];
  }

  release(): Promise<void> {
    return Promise.resolve();
  }
}

/** One row per run, each with this estimated duration, and a time limit of one second. */
function openBatcher(
  executor: Executor = new EndlessExecutor(),
  seconds = 0.6,
  more: Partial<BatcherOptions> = {},
): Batcher {
  return new Batcher({
    executor,
    cost: new CostModel({ rows: 1, seconds }, { rows: 2, seconds: 2 * seconds }),
    batching: 'none',
    rowShape: [1],
    maxRows: 1,
    maxWaitMicroseconds: 0,
    timeoutMs: 1_000,
    maxWaitingRows: 100,
    observed: { model: 'm', version: '1' },
    observer: undefined,
    ...more,
  });
}

test('503 at once: a request that would start before its deadline but end after it', async () => {
  const batcher = openBatcher();

  const [first, second] = await Promise.allSettled([batcher.run(row, 'a'), batcher.run(row, 'a')]);

  expect(first).toMatchObject({ reason: { status: 504 } });
  expect(second).toMatchObject({ reason: { status: 503, headers: { 'retry-after': '1' } } });
});

/** Ends each run on command. */
class ToldExecutor extends EndlessExecutor {
  readonly runs: ((result: RunResult) => void)[] = [];

  override run(): Promise<never> {
    this.free = 0;
    return new Promise<RunResult>((resolve) => this.runs.push(resolve)) as Promise<never>;
  }
}

test('504 without a run: an accepted request that could no longer end before its deadline', async () => {
  const executor = new ToldExecutor();
  const batcher = openBatcher(executor, 0.3);
  const first = batcher.run(row, 'a');
  await nextTurn();
  const second = batcher.run(row, 'a');
  void second.catch(() => undefined);

  // It was estimated to take 300 ms of the 1,000 that each request has.
  await delay(850);
  executor.free = 1;
  executor.runs[0]!({ output: { data: new Float32Array(1), shape: [1, 1] }, seconds: 0.85 });

  expect(await first).toMatchObject({ shape: [1, 1] });
  await expect(second).rejects.toMatchObject({ status: 504 });
  expect(executor.runs).toHaveLength(1);
  // With a free process a request is accepted, whatever the estimate.
  const third = batcher.run(row, 'a');
  await nextTurn();
  executor.runs[1]!({ output: { data: new Float32Array(1), shape: [1, 1] }, seconds: 0.3 });
  expect(await third).toMatchObject({ shape: [1, 1] });
});

/** Responds at once; a run with a negative row fails. */
class StrictExecutor extends EndlessExecutor {
  override run({ data, rows }: Matrix): Promise<never> {
    if (data.some((value) => value < 0)) return Promise.reject(new Problem(422, 'invalid_model_output', 'negative'));
    return Promise.resolve<RunResult>({ output: { data, shape: [rows, 1] }, seconds: 0.001 }) as Promise<never>;
  }
}

test('an observer is told of each request once, even if it took several runs or was retried alone', async () => {
  const answers: ObservedResponse[] = [];
  const runs: ObservedRun[] = [];
  const observer = {
    ran: (run: ObservedRun) => runs.push(run),
    answered: (_model: unknown, answer: ObservedResponse) => answers.push(answer),
    shed: () => undefined,
  };
  const batcher = openBatcher(new StrictExecutor(), 0.001, { batching: 'concatenate', maxRows: 2, observer });
  const rows = (...values: number[]): Matrix => ({ data: Float32Array.from(values), rows: values.length, width: 1 });
  const outcomes = async (...requests: Matrix[]) => {
    const settled = await Promise.allSettled(requests.map((request) => batcher.run(request)));
    await nextTurn();
    return settled.map(({ status }) => status);
  };

  expect(await outcomes(rows(1, 2, 3, 4, 5))).toEqual(['fulfilled']);
  expect(answers.splice(0).map(({ isGood }) => isGood)).toEqual([true]);
  expect(runs.splice(0).map((run) => run.rows)).toEqual([2, 2, 1]);

  expect(await outcomes(rows(1), rows(-1))).toEqual(['fulfilled', 'rejected']);
  expect(answers.map(({ isGood }) => isGood)).toEqual([true, false]);
  expect(runs.map(({ outcome }) => outcome)).toEqual(['failed', 'ok', 'failed']);
  for (const { seconds } of answers) expect(seconds).toBeGreaterThan(0);
});
