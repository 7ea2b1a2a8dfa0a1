import { expect, test } from '@jest/globals';
import type { NamedOutput } from '../../../mlapi/inference/tensors/types.ts';
import { countDifferingTensorRows } from '../../../mlapi/models/traffic/disagreements.ts';

const tensor = (datatype: string, shape: number[], data: NamedOutput['data']): NamedOutput => {
  return { name: 'y', datatype, shape, data };
};
const floats = (...values: number[]) => tensor('FP32', [values.length], Float32Array.from(values));

test('rows disagree if their numbers differ by more than a hundredth', () => {
  expect(countDifferingTensorRows([floats(1, 2, 3)], [floats(1.001, 2.1, 3)], 3)).toBe(1);
  expect(countDifferingTensorRows([floats(1, 2)], [tensor('FP32', [2, 1], Float32Array.of(1, 2))], 2)).toBe(2);
});

test('an output with one value for all rows disagrees in all of them or in none', () => {
  const mean = (value: number) => tensor('FP32', [1], Float32Array.of(value));

  expect(countDifferingTensorRows([floats(1, 2, 3), mean(2)], [floats(1, 2, 4), mean(2.001)], 3)).toBe(1);
  expect(countDifferingTensorRows([floats(1, 2, 3), mean(2)], [floats(1, 2, 3), mean(2.1)], 3)).toBe(3);
});
