import type { OperatorCall, ProvedValue } from './operator-call.ts';
import { constantOf, NotRowWise, rowsOf, type Size } from './values.ts';

/**
 * Rule of element-wise operators (ONNX "multidirectional broadcasting": shapes are aligned at their last axis). All rows must have the same
 * rank: broadcasting [n, 1] and [n] gives [n, n], where each row meets all others. A constant must not reach the row axis, or must have
 * size 1 there.
 * @throws {NotRowWise}
 */
export function broadcast(values: readonly ProvedValue[]): ProvedValue {
  let rank: number | undefined;
  for (const value of values) {
    if (value.kind === 'row-vector') throw new NotRowWise('it is combined with rows that are not on axis 0');
    if (value.kind !== 'rows') continue;
    if (rank !== undefined && rank !== value.sizes.length)
      throw new NotRowWise('it broadcasts rows of different ranks, which mixes them');
    rank = value.sizes.length;
  }
  if (rank === undefined) return constantOf(constantSizes(values));
  let sizes: readonly Size[] = new Array<Size>(rank).fill(1);
  for (const value of values) {
    if (value.kind === 'constant') checkConstant(value.sizes, rank);
    sizes = meet(sizes, (value as { sizes: readonly Size[] }).sizes);
  }
  return rowsOf(...sizes.slice(1));
}

/** @throws {NotRowWise} if a constant has more than one entry on the row axis of values of this rank */
export function checkConstant(sizes: readonly Size[] | undefined, rank: number): void {
  if (sizes === undefined) throw new NotRowWise('it is combined with a constant of unknown shape');
  if (sizes.length > rank || (sizes.length === rank && sizes[0] !== 1))
    throw new NotRowWise('it is combined with a constant that differs between rows');
}

function constantSizes(values: readonly ProvedValue[]): readonly Size[] | undefined {
  let met: readonly Size[] = [];
  for (const { sizes } of values as readonly { sizes: readonly Size[] | undefined }[]) {
    if (sizes === undefined) return undefined;
    met = sizes.length > met.length ? meet(sizes, met) : meet(met, sizes);
  }
  return met;
}

/** @param short its rank is at most that of `long` */
function meet(long: readonly Size[], short: readonly Size[]): Size[] {
  const offset = long.length - short.length;
  return long.map((size, axis) => (axis < offset ? size : meetSize(size, short[axis - offset])));
}

/** Returns the broadcast size of two axes, at most one of which differs from 1. */
export function meetSize(a: Size, b: Size): Size {
  if (a === 1) return b;
  if (b === 1) return a;
  // An unknown size is 1 or equal to the other.
  return a ?? b;
}

/** Element-wise over all inputs. */
export function elementwise(call: OperatorCall): ProvedValue {
  return broadcast(call.inputs.map((_, at) => call.value(at)));
}

/** Element-wise over the first input; all others must be constant. */
export function unary(call: OperatorCall): ProvedValue {
  call.constantsFrom(1);
  const value = call.value(0);
  return value.kind === 'constant' ? constantOf(value.sizes) : value;
}

/** CastLike: only the type of its second input matters. */
export function castLike(call: OperatorCall): ProvedValue {
  const value = call.value(0);
  return value.kind === 'constant' ? constantOf(value.sizes) : value;
}

/** Returns its input unchanged. */
export function identity(call: OperatorCall): ProvedValue {
  return call.value(0);
}
