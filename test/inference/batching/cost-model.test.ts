import { describe, expect, test } from '@jest/globals';
import { CostModel } from '../../../mlapi/inference/batching/cost-model.ts';

const second = (rows: number, seconds: number) => ({ rows, seconds });

describe('CostModel', () => {
  test('has a fixed cost and a cost per row', () => {
    const cost = new CostModel(second(1, 0.011), second(101, 0.111));

    expect(cost.seconds(1)).toBeCloseTo(0.011, 6);
    expect(cost.seconds(51)).toBeCloseTo(0.061, 6);
    expect(cost.rowsWithin(0.0505)).toBe(40);
    expect(cost.rowsWithin(0.001)).toBe(1);
  });

  test('adapts to measured runs, and discounts a single slow one', () => {
    const cost = new CostModel(second(1, 0.01), second(2, 0.02));

    cost.observe(1, 10);
    expect(cost.seconds(1)).toBeLessThan(0.02);
    for (let run = 0; run < 100; run += 1) cost.observe(10, 0.2);
    expect(cost.seconds(10)).toBeCloseTo(0.2, 3);
    expect(cost.rowsWithin(0.1)).toBeLessThanOrEqual(5);
  });

  test('bounds the cost per row: not negative, and at most the cost of a one-row run', () => {
    expect(new CostModel(second(1, 0.01), second(2, 0.009)).seconds(1_000)).toBeCloseTo(0.01, 4);
    expect(new CostModel(second(1, 0.01), second(2, 1)).seconds(10)).toBeCloseTo(0.1, 6);
  });
});
