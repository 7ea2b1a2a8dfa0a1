import { describe, expect, test } from '@jest/globals';
import type { OutputTensor } from '../../../mlapi/inference/tensors/types.ts';
import { timeOneRow } from '../../../mlapi/inference/warmup/warm-up.ts';

const sample = { data: Float32Array.of(1), rows: 1, width: 1 };
const output: OutputTensor = { data: [1], shape: [1] };

/** A model with these run times in milliseconds; the last one repeats. */
function modelOf(times: readonly number[]) {
  let runs = 0;
  const run = () => {
    const endMs = performance.now() + times[Math.min(runs, times.length - 1)]!;
    runs += 1;
    while (performance.now() < endMs);
    return Promise.resolve(output);
  };
  return { run, runs: () => runs };
}

describe('the time of one row', () => {
  test('ignores runs that had to wait for the machine', async () => {
    const { run } = modelOf([40, 40, 0]);
    expect(await timeOneRow({ run, sample })).toBeLessThan(0.04);
  });

  test('is measured once if the model is clearly slow', async () => {
    const { run, runs } = modelOf([300]);
    expect(await timeOneRow({ run, sample })).toBeGreaterThanOrEqual(0.3);
    expect(runs()).toBe(1);
  });
});
