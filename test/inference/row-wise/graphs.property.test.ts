import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { proveRowWise } from '../../../mlapi/inference/row-wise/prove.ts';
import { rowsFor, runRows, writeOperatorModel, type OperatorModel } from '../../support/operator-models.ts';
import { randomGraph, stepArbitrary } from '../../support/random-graphs.ts';
import { temporaryFolder } from '../../support/service.ts';

const path = join(temporaryFolder(), 'model.onnx');
/** As many as features, so that more broadcasts can be computed, including those that mix rows. */
const rows = 4;

async function runOf(model: OperatorModel, onnx: Uint8Array) {
  try {
    return await runRows(onnx, rowsFor(model, rows, 3));
  } catch {
    return undefined;
  }
}

/** Compares the rows that the runtime computed both ways. */
function expectSame(together: readonly unknown[], alone: readonly unknown[]): void {
  expect(together).toHaveLength(alone.length);
  together.forEach((value, at) => {
    const wanted = alone[at];
    if (typeof value !== 'number' || typeof wanted !== 'number' || !Number.isFinite(wanted))
      expect(value).toEqual(wanted);
    else expect(Math.abs(value - wanted)).toBeLessThanOrEqual(1e-3 * Math.max(1, Math.abs(wanted)));
  });
}

test('a proved graph computes a batch as it computes each row alone, for random graphs', async () => {
  const seen = { proved: 0, mixed: 0 };
  await fc.assert(
    fc.asyncProperty(fc.array(stepArbitrary, { minLength: 1, maxLength: 7 }), async (steps) => {
      const model = randomGraph(steps, rows);
      const onnx = writeOperatorModel(model);
      writeFileSync(path, onnx);
      const { y: reason } = await proveRowWise(path, ['y']);
      if (reason !== null) {
        seen.mixed += 1;
        return;
      }
      const run = await runOf(model, onnx);
      // The runtime may reject the graph, as other nodes may not fit this number of rows.
      if (run === undefined) return;
      seen.proved += 1;
      run.together.forEach((entry, row) => expectSame(entry, run.alone[row]!));
    }),
    { numRuns: 600 },
  );
  // Otherwise the property was hardly tested.
  expect(seen.proved).toBeGreaterThan(80);
  expect(seen.mixed).toBeGreaterThan(80);
}, 120_000);
