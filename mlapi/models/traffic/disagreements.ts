import type { Prediction } from '../../inference/contract/types.ts';
import type { NamedOutput } from '../../inference/tensors/types.ts';

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

/**
 * Counts differing rows of tensors. Where the first dimension is the rows, they are compared row by row; what is one for all rows differs in all of them
 * or in none, and so does a tensor of another shape.
 */
export function countDifferingTensorRows(
  one: readonly NamedOutput[],
  other: readonly NamedOutput[],
  rows: number,
): number {
  const pairs = one.map((output, index): [NamedOutput, NamedOutput] => [output, other[index]!]);
  if (pairs.some(([a, b]) => a.shape.join() !== b.shape.join())) return rows;
  const isByRow = ([{ shape }]: [NamedOutput, NamedOutput]) => rows === 1 || shape[0] === rows;
  if (pairs.some((pair) => !isByRow(pair) && partDiffers(pair, 0, pair[0].data.length))) return rows;
  const byRow = pairs.filter(isByRow);
  let differing = 0;
  for (let row = 0; row < rows; row += 1) if (byRow.some((pair) => rowDiffers(pair, row, rows))) differing += 1;
  return differing;
}

function rowDiffers(pair: [NamedOutput, NamedOutput], row: number, rows: number): boolean {
  const width = pair[0].data.length / rows;
  return partDiffers(pair, row * width, (row + 1) * width);
}

function partDiffers([{ data, datatype }, other]: [NamedOutput, NamedOutput], from: number, to: number): boolean {
  // Halves are their bits here: they agree where those do.
  const isMeasured = datatype === 'FP32' || datatype === 'FP64';
  for (let at = from; at < to; at += 1) if (differ(data[at]!, other.data[at]!, isMeasured)) return true;
  return false;
}

type Cell = Prediction | bigint;

function differ(one: Cell, other: Cell, isMeasured: boolean): boolean {
  if (typeof one === 'object' && typeof other === 'object')
    return one.length !== other.length || one.some((value, index) => differ(value, other[index]!, isMeasured));
  if (Object.is(one, other)) return false;
  if (!isMeasured || typeof one !== 'number' || typeof other !== 'number') return one !== other;
  return !(Math.abs(one - other) <= tolerance * Math.max(Math.abs(one), Math.abs(other), Number.EPSILON));
}
