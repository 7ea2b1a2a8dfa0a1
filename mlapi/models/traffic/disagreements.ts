import type { Prediction } from '../../inference/contract/types.ts';
import type { NamedOutput } from '../../inference/tensors/types.ts';

/** Relative tolerance: two models hardly ever compute exactly the same number. */
const tolerance = 0.01;

/** @param isMeasured whether predictions are measurements, which agree if close; labels and class numbers must be equal */
export function countDifferingRows(
  one: readonly Prediction[],
  other: readonly Prediction[],
  isMeasured: boolean,
): number {
  return one.filter((prediction, row) => differ(prediction, other[row]!, isMeasured)).length;
}

/**
 * Counts differing rows of tensors. A tensor whose first dimension is the rows is compared row by row. A difference in any other tensor, or
 * in shape, counts for all rows.
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
  // FP16 is held as bits here: halves agree if their bits do.
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
