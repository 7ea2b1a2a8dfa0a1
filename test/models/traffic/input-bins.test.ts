import { expect, test } from '@jest/globals';
import { InputBins } from '../../../mlapi/models/traffic/input-bins.ts';

const contract = {
  features: [{ name: 'x', type: 'number', missing: 'reject' }],
  reference: { x: { edges: [0, 1, 2], shares: [0.25, 0.25, 0.25, 0.25] } },
} as const;

/** Rows whose values fall into the four bins in turn. */
function rowsOf(rows: number) {
  return { data: Float32Array.from({ length: rows }, (_, row) => (row % 4) - 0.5), rows, width: 1 };
}

test('every row is counted while few arrive', () => {
  const bins = new InputBins(contract);

  for (let request = 0; request < 40; request += 1) bins.observe(rowsOf(4), request * 100);

  expect(bins.read()).toMatchObject({ rows: 160, bins: [[40, 40, 40, 40]] });
});

test('of one large request, 32 rows are counted, from all parts of it', () => {
  const bins = new InputBins(contract);

  bins.observe({ ...rowsOf(1_000), data: Float32Array.from({ length: 1_000 }, (_, row) => row / 250 - 1) }, 0);

  const { rows, bins: counts } = bins.read();
  expect(rows).toBe(32);
  for (const count of counts[0]!) expect(count).toBeGreaterThan(5);
});

test('under load, about 1,000 rows a second are counted, in their proportions', () => {
  const bins = new InputBins(contract);

  for (let at = 0; at < 200_000; at += 1)
    bins.observe({ ...rowsOf(4), rows: 1, data: rowsOf(4).data.slice(at % 4) }, at / 20);

  const { rows, bins: counts } = bins.read();
  // The first second counts all of its 20,000 rows: nothing was known yet.
  expect(rows).toBeGreaterThan(20_000 + 9 * 800);
  expect(rows).toBeLessThan(20_000 + 9 * 1_200);
  for (const count of counts[0]!) expect(count / rows).toBeCloseTo(0.25, 1);
});

test('after a pause, every row is counted again', () => {
  const bins = new InputBins(contract);
  for (let at = 0; at < 40_000; at += 1) bins.observe(rowsOf(1), at / 20);
  const { rows } = bins;

  for (let request = 0; request < 100; request += 1) bins.observe(rowsOf(1), 10_000 + request);

  expect(bins.rows - rows).toBe(100);
});
