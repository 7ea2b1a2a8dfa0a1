import { setImmediate as nextTurn, setTimeout as delay } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import { Batcher } from '../../mlapi/inference/batcher.ts';
import type { Executor, RunResult } from '../../mlapi/inference/executor.ts';
import { RunCost } from '../../mlapi/inference/run-cost.ts';
import type { Matrix } from '../../mlapi/inference/types.ts';

const row: Matrix = { data: new Float32Array(1), rows: 1, width: 1 };

/** Takes one run, which does not end. */
class EndlessExecutor implements Executor {
  readonly kind = 'child';
  readonly slots = 1;
  readonly fault = undefined;
  free = 1;
  onChange = () => undefined;

  run(): Promise<never> {
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

/** One row a run, each of so many seconds as is thought, and one second for each request. */
function openBatcher(executor: Executor = new EndlessExecutor(), seconds = 0.6): Batcher {
  return new Batcher({
    executor,
    cost: new RunCost({ rows: 1, seconds }, { rows: 2, seconds: 2 * seconds }),
    sharing: 'whole',
    entry: [1],
    maxRows: 1,
    maxWaitMicroseconds: 0,
    timeoutMs: 1_000,
    maxWaitingRows: 100,
    observed: { model: 'm', version: '1' },
    observer: undefined,
  });
}

test('503 at once: what could begin before its deadline, and would end after it', async () => {
  const batcher = openBatcher();

  const [first, second] = await Promise.allSettled([batcher.run(row, 'a'), batcher.run(row, 'a')]);

  expect(first).toMatchObject({ reason: { status: 504 } });
  expect(second).toMatchObject({ reason: { status: 503, headers: { 'retry-after': '1' } } });
});

/** Answers each run when it is told to. */
class ToldExecutor extends EndlessExecutor {
  readonly runs: ((result: RunResult) => void)[] = [];

  override run(): Promise<never> {
    this.free = 0;
    return new Promise<RunResult>((resolve) => this.runs.push(resolve)) as Promise<never>;
  }
}

test('504, and no run: what was let in, and would be stopped at its deadline by now', async () => {
  const executor = new ToldExecutor();
  const batcher = openBatcher(executor, 0.3);
  const first = batcher.run(row, 'a');
  await nextTurn();
  const second = batcher.run(row, 'a');
  void second.catch(() => undefined);

  // It was thought to take 300 ms of the 1,000 that each request has.
  await delay(850);
  executor.free = 1;
  executor.runs[0]!({ output: { data: new Float32Array(1), shape: [1, 1] }, seconds: 0.85 });

  expect(await first).toMatchObject({ shape: [1, 1] });
  await expect(second).rejects.toMatchObject({ status: 504 });
  expect(executor.runs).toHaveLength(1);
  // Who comes to a free process is let through, whatever runs are thought to take.
  const third = batcher.run(row, 'a');
  await nextTurn();
  executor.runs[1]!({ output: { data: new Float32Array(1), shape: [1, 1] }, seconds: 0.3 });
  expect(await third).toMatchObject({ shape: [1, 1] });
});
