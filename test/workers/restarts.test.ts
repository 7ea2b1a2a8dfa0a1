import { describe, expect, test } from '@jest/globals';
import { Restarts } from '../../mlapi/workers/restarts.ts';

describe('Restarts', () => {
  test('wait longer each time if the process ends soon after it was ready, and stop in the end', () => {
    const restarts = new Restarts();
    const delays = Array.from({ length: 11 }, () => restarts.next(9_999));

    expect(delays).toEqual([100, 200, 400, 800, 1_600, 3_200, 6_400, 10_000, 10_000, 10_000, undefined]);
  });

  test('stop sooner for a process that never becomes ready', () => {
    const restarts = new Restarts();
    const delays = Array.from({ length: 6 }, () => restarts.next(undefined));

    expect(delays).toEqual([100, 200, 400, 800, 1_600, undefined]);
  });

  test('start over, at once, for a process that served for a while', () => {
    const restarts = new Restarts();
    for (let count = 0; count < 5; count += 1) restarts.next(undefined);

    expect([restarts.next(10_000), restarts.next(undefined)]).toEqual([0, 100]);
  });
});
