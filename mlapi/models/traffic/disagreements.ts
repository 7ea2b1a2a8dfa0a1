import type { NamedOutput } from '../../inference/tensors.ts';
import type { Prediction } from '../../inference/types.ts';

/** Two models hardly ever compute the very same number. */
const tolerance = 0.01;

/** @param isMeasured whether predictions are measurements, which agree when they are close: not labels, nor numbers of classes */
export function countDifferingRows(
  one: readonly Prediction[],
  other: readonly Prediction[],
  isMeasured: boolean,
): number {
  return one.filter((prediction, row) => differ(prediction, other[row]!, isMeasured)).length;
}

/** Of tensors, whose rows are their first dimension, or which are one as a whole; a tensor of another shape differs in each. */
export function countDifferingTensorRows(
  one: readonly NamedOutput[],
  other: readonly NamedOutput[],
  rows: number,
): number {
  const pairs = one.map((output, index): [NamedOutput, NamedOutput] => [output, other[index]!]);
  if (pairs.some(([a, b]) => a.shape.join() !== b.shape.join() || (rows > 1 && a.shape[0] !== rows))) return rows;
  let differing = 0;
  for (let row = 0; row < rows; row += 1) if (pairs.some(([a, b]) => rowDiffers(a, b, row, rows))) differing += 1;
  return differing;
}

function rowDiffers({ data, datatype }: NamedOutput, other: NamedOutput, row: number, rows: number): boolean {
  const width = data.length / rows;
  const isMeasured = datatype === 'FP32' || datatype === 'FP64';
  for (let at = row * width; at < (row + 1) * width; at += 1)
    if (differ(data[at]!, other.data[at]!, isMeasured)) return true;
  return false;
}

function differ(one: Prediction | bigint, other: Prediction | bigint, isMeasured: boolean): boolean {
  if (typeof one === 'object' && typeof other === 'object')
    return one.length !== other.length || one.some((value, index) => differ(value, other[index]!, isMeasured));
  if (Object.is(one, other)) return false;
  if (!isMeasured || typeof one !== 'number' || typeof other !== 'number') return one !== other;
  return !(Math.abs(one - other) <= tolerance * Math.max(Math.abs(one), Math.abs(other), Number.EPSILON));
}
