import { describe, expect, test } from '@jest/globals';
import { Restarts } from '../../mlapi/workers/restarts.ts';

describe('Restarts', () => {
  test('ever more slowly, while the process ends soon after it was ready; then no more', () => {
    const restarts = new Restarts();
    const delays = Array.from({ length: 11 }, () => restarts.next(9_999));

    expect(delays).toEqual([100, 200, 400, 800, 1_600, 3_200, 6_400, 10_000, 10_000, 10_000, undefined]);
  });

  test('a process that never gets ready is given up sooner', () => {
    const restarts = new Restarts();
    const delays = Array.from({ length: 6 }, () => restarts.next(undefined));

    expect(delays).toEqual([100, 200, 400, 800, 1_600, undefined]);
  });

  test('one that served for a while begins anew, at once', () => {
    const restarts = new Restarts();
    for (let count = 0; count < 5; count += 1) restarts.next(undefined);

    expect([restarts.next(10_000), restarts.next(undefined)]).toEqual([0, 100]);
  });
});
