import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { Problem } from '../../../mlapi/http/problem.ts';
import { Batcher } from '../../../mlapi/inference/batching/batcher.ts';
import { CostModel } from '../../../mlapi/inference/batching/cost-model.ts';
import type { BatchingMode } from '../../../mlapi/inference/batching/fair-queue.ts';
import type { Executor, RunResult } from '../../../mlapi/inference/execution/executor.ts';
import type { Matrix, RunInput } from '../../../mlapi/inference/tensors/types.ts';

/** Runs two at once, each for some turns. Records its inputs, and fails runs with a negative row. */
class RecordingExecutor implements Executor {
  readonly kind = 'child';
  readonly slots = 2;
  readonly fault = undefined;
  readonly runs: (readonly number[])[] = [];
  free = 2;
  onChange: () => void = () => undefined;

  async run(input: RunInput): Promise<RunResult> {
    const { data, rows } = input as Matrix;
    const given = Array.from(data as Float32Array);
    this.runs.push(given);
    this.free -= 1;
    for (let turns = given[0]! % 3; turns >= 0; turns -= 1) await nextTurn();
    this.free += 1;
    this.onChange();
    if (given.some((value) => value < 0)) throw new Problem(422, 'invalid_model_output', 'negative');
    return { output: { data: Float32Array.from(given, (value) => 2 * value), shape: [rows, 1] }, seconds: 0.001 };
  }

  memory(): [] {
    return [];
  }

  release(): Promise<void> {
    return Promise.resolve();
  }
}

interface Sent {
  readonly client: string;
  readonly rows: number;
  readonly isBad: boolean;
  readonly isLater: boolean;
}

const sentArbitrary: fc.Arbitrary<Sent> = fc.record({
  client: fc.constantFrom('a', 'b', 'c'),
  rows: fc.integer({ min: 1, max: 7 }),
  isBad: fc.oneof({ weight: 4, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) }),
  isLater: fc.boolean(),
});

/** The hundreds of a row's values are the number of its request. */
function rowsOf({ rows, isBad }: Sent, at: number): number[] {
  const values = Array.from({ length: rows }, (_, row) => 100 * (at + 1) + row);
  return isBad ? [...values.slice(0, -1), -values.at(-1)!] : values;
}

async function serve(batching: BatchingMode, sent: readonly Sent[]) {
  const executor = new RecordingExecutor();
  const batcher = new Batcher({
    ...{ executor, batching, rowShape: [1], maxRows: 4, maxWaitMicroseconds: 0, timeoutMs: 60_000 },
    ...{ maxWaitingRows: 1_000, observed: { model: 'm', version: '1' }, observer: undefined },
    cost: new CostModel({ rows: 1, seconds: 0.001 }, { rows: 2, seconds: 0.001 }),
  });
  const answers: Promise<{ data: unknown }>[] = [];
  for (const [at, request] of sent.entries()) {
    const data = Float32Array.from(rowsOf(request, at));
    answers.push(batcher.run({ data, rows: data.length, width: 1 }, request.client));
    void answers.at(-1)!.catch(() => undefined);
    if (request.isLater) await nextTurn();
  }
  return { settled: await Promise.allSettled(answers), runs: executor.runs };
}

const requestsIn = (run: readonly number[]) => new Set(run.map((value) => Math.floor(Math.abs(value) / 100))).size;

test.each<[BatchingMode, boolean]>([
  ['none', false],
  ['split', false],
  ['concatenate', true],
])('%s: requests that share a run with a failing one get the results of their own rows', async (batching, isShared) => {
  let maxRequests = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(sentArbitrary, { minLength: 2, maxLength: 12 }), async (sent) => {
      const { settled, runs } = await serve(batching, sent);

      maxRequests = Math.max(maxRequests, ...runs.map(requestsIn));
      settled.forEach((answer, at) => {
        expect(answer.status).toBe(sent[at]!.isBad ? 'rejected' : 'fulfilled');
        if (answer.status === 'fulfilled')
          expect(Array.from(answer.value.data as Float32Array)).toEqual(
            rowsOf(sent[at]!, at).map((value) => 2 * value),
          );
      });
    }),
    { numRuns: 150 },
  );
  // Without a proof, no run has the rows of two requests, even of one client.
  if (isShared) expect(maxRequests).toBeGreaterThan(2);
  else expect(maxRequests).toBe(1);
});
