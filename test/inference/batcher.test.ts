import { expect, test } from '@jest/globals';
import { Batcher } from '../../mlapi/inference/batcher.ts';
import type { Executor } from '../../mlapi/inference/executor.ts';
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

/** One row a run, each of 600 ms, and a second for each request. */
function openBatcher(): Batcher {
  return new Batcher({
    executor: new EndlessExecutor(),
    cost: new RunCost({ rows: 1, seconds: 0.6 }, { rows: 2, seconds: 1.2 }),
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
