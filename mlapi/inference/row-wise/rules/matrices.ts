import { meetSize } from '../broadcast.ts';
import type { OperatorCall, ProvedValue } from '../operator-call.ts';
import { NotRowWise, rowsOf, type Constant, type Rows, type Size } from '../values.ts';
import { isConstantOrRows } from './shapes.ts';

/**
 * MatMul (as in NumPy): multiplies the last two axes and broadcasts those before them. In the left operand, rows may be on any axis but the
 * last; in the right operand, only on a broadcast axis.
 */
export function matMul(call: OperatorCall): ProvedValue {
  const [left, right] = [call.value(0), call.value(1)];
  if (left.kind === 'rows' && right.kind === 'constant') return rowsByConstant(left, right);
  if (left.kind === 'constant' && right.kind === 'rows') return constantByRows(left, right);
  if (left.kind !== 'rows' || right.kind !== 'rows') throw new NotRowWise('the rows are not on axis 0');
  const rank = left.sizes.length;
  if (rank < 3 || rank !== right.sizes.length) throw new NotRowWise('it multiplies rows with rows');
  const before = left.sizes.slice(1, -2).map((size, at) => meetSize(size, right.sizes[at + 1]));
  return rowsOf(...before, left.sizes.at(-2), right.sizes.at(-1));
}

function rowsByConstant({ sizes }: Rows, { sizes: weights }: Constant): Rows {
  const rank = sizes.length;
  if (rank < 2) throw new NotRowWise('it sums over the rows');
  if (weights === undefined || weights.length === 0) throw new NotRowWise('its weights have an unknown shape');
  if (weights.length === 1) return rowsOf(...sizes.slice(1, -1));
  const isBatched = weights.length > 2;
  if (isBatched && (weights.length > rank || (weights.length === rank && weights[0] !== 1)))
    throw new NotRowWise('its weights differ between rows');
  const before: Size[] = sizes.slice(1, -1);
  return rowsOf(...(isBatched ? before.map(() => undefined) : before), weights.at(-1));
}

function constantByRows({ sizes: weights }: Constant, { sizes }: Rows): Rows {
  const rank = sizes.length;
  if (rank < 3) throw new NotRowWise('it sums over the rows');
  if (weights === undefined || weights.length === 0) throw new NotRowWise('its weights have an unknown shape');
  if (weights.length > rank || (weights.length === rank && weights[0] !== 1))
    throw new NotRowWise('its weights differ between rows');
  if (weights.length === 1) return rowsOf(...sizes.slice(1, -2), sizes.at(-1));
  return rowsOf(...sizes.slice(1, -2).map(() => undefined), weights.at(-2), sizes.at(-1));
}

/** Gemm: rows × weights + bias. */
export function gemm(call: OperatorCall): ProvedValue {
  call.rows(0, 2);
  if (call.int('transA', 0) !== 0) throw new NotRowWise('transA puts the rows on axis 1');
  const { sizes } = call.constant(1);
  if (sizes?.length !== 2) throw new NotRowWise('its weights have an unknown shape');
  if (call.inputs[2] !== undefined) isConstantOrRows(call, 2, 2);
  return rowsOf(call.int('transB', 0) === 0 ? sizes[1] : sizes[0]);
}

/** MatMulInteger. The zero point of the rows must be a single number: a vector would hold one per row. */
export function matMulInteger(call: OperatorCall): ProvedValue {
  call.constantsFrom(1);
  if (call.inputs[2] !== undefined) single(call, 2);
  return rowsByConstant(call.rows(0), call.constant(1));
}

/** QLinearMatMul: a with scale and zero point, b with scale and zero point, scale and zero point of the output. */
export function quantizedMatMul(call: OperatorCall): ProvedValue {
  call.constantsFrom(1);
  for (const at of [1, 2, 6, 7]) single(call, at);
  return rowsByConstant(call.rows(0), call.constant(3));
}

/** Requires a constant with a single element. @throws {NotRowWise} */
export function single(call: OperatorCall, at: number): void {
  const { sizes } = call.constant(at);
  if (sizes?.every((size) => size === 1) !== true) throw new NotRowWise(`input ${at} is not a single number`);
}
