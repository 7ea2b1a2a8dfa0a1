import { describe, expect, test } from '@jest/globals';
import { FairQueue, type BatchingMode } from '../../../mlapi/inference/batching/fair-queue.ts';
import { WaitingRequest } from '../../../mlapi/inference/batching/waiting-request.ts';

const nothing = () => undefined;

/** A queue with these requests: client and number of rows. */
function queueOf(...requests: readonly (readonly [string, number])[]) {
  const queue = new FairQueue();
  const waiting = requests.map(([client, rows]) => {
    const matrix = { data: new Float32Array(rows), rows, width: 1 };
    const request = new WaitingRequest(matrix, { client, acceptedMs: 0, waits: false }, nothing, nothing);
    queue.push(request);
    return request;
  });
  const take = (rows: number, batching: BatchingMode = 'concatenate') =>
    queue.take(rows, batching).map(({ request, from, rows: taken }) => [request.client, from, taken]);
  return { queue, waiting, take };
}

describe('a run', () => {
  test('gives each client an equal share, and distributes what a client leaves unused', () => {
    const { queue, take } = queueOf(['a', 1_000], ['b', 1], ['c', 500]);

    expect(take(100)).toEqual([
      ['a', 0, 33],
      ['b', 0, 1],
      ['c', 0, 66],
    ]);
    expect(queue.rows).toBe(1_401);
  });

  test.each<BatchingMode>(['concatenate', 'split'])('without room for all, clients take turns: %s', (batching) => {
    const { take } = queueOf(['a', 3], ['b', 1], ['c', 2]);

    expect(Array.from({ length: 6 }, () => take(1, batching)[0])).toEqual([
      ['a', 0, 1],
      ['b', 0, 1],
      ['c', 0, 1],
      ['a', 1, 1],
      ['c', 1, 1],
      ['a', 2, 1],
    ]);
    expect(take(1, batching)).toEqual([]);
  });

  test('has one whole request if batching is none', () => {
    const { take } = queueOf(['a', 3], ['a', 4], ['b', 5]);

    expect([take(1, 'none'), take(1, 'none'), take(1, 'none')]).toEqual([[['a', 0, 3]], [['b', 0, 5]], [['a', 0, 4]]]);
  });
});

test('rowsBefore a client is at most its own rows times the number of clients', () => {
  const { queue, waiting } = queueOf(['a', 1_000], ['b', 2]);

  expect(queue.rowsBefore('a')).toBe(1_002);
  expect(queue.rowsBefore('b')).toBe(4);
  expect(queue.rowsBefore('c')).toBe(0);
  queue.drop(waiting[0]!);
  expect(queue.rows).toBe(2);
  expect(queue.rowsBefore('b')).toBe(2);
});
