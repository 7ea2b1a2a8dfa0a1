import type { OperatorCall, ProvedValue } from './operator-call.ts';
import { constantOf, NotRowWise, rowsOf, type Size } from './values.ts';

/**
 * The rule of operators that meet element by element (ONNX, "multidirectional broadcasting"): shapes are aligned from their last
 * axis. Rows must all be of one rank, which is that of the output: [n, 1] - [n] is [n, n], where each row sees all. A constant must
 * not reach the rows' axis, or have size 1 there.
 */
export function broadcast(values: readonly ProvedValue[]): ProvedValue {
  let rank: number | undefined;
  for (const value of values) {
    if (value.kind === 'row-vector') throw new NotRowWise('it meets rows that do not lie on axis 0');
    if (value.kind !== 'rows') continue;
    if (rank !== undefined && rank !== value.sizes.length)
      throw new NotRowWise('rows of different ranks are broadcast, so that each would meet all');
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

/** @throws {NotRowWise} where a constant has entries of its own for the rows' axis of values of this rank */
export function checkConstant(sizes: readonly Size[] | undefined, rank: number): void {
  if (sizes === undefined) throw new NotRowWise('it meets a constant of unknown shape');
  if (sizes.length > rank || (sizes.length === rank && sizes[0] !== 1))
    throw new NotRowWise('it meets a constant that is not the same for each row');
}

function constantSizes(values: readonly ProvedValue[]): readonly Size[] | undefined {
  let met: readonly Size[] = [];
  for (const { sizes } of values as readonly { sizes: readonly Size[] | undefined }[]) {
    if (sizes === undefined) return undefined;
    met = sizes.length > met.length ? meet(sizes, met) : meet(met, sizes);
  }
  return met;
}

/** @param short of no higher rank than `long` */
function meet(long: readonly Size[], short: readonly Size[]): Size[] {
  const offset = long.length - short.length;
  return long.map((size, axis) => (axis < offset ? size : meetSize(size, short[axis - offset])));
}

/** Returns the size that two broadcast axes have together: one of them may be 1. */
export function meetSize(a: Size, b: Size): Size {
  if (a === 1) return b;
  if (b === 1) return a;
  // An open one is 1 or the same.
  return a ?? b;
}

/** Element by element over all inputs. */
export function elementwise(call: OperatorCall): ProvedValue {
  return broadcast(call.inputs.map((_, at) => call.value(at)));
}

/** Element by element over the first input; what else there is, is constant. */
export function unary(call: OperatorCall): ProvedValue {
  call.constantsFrom(1);
  const value = call.value(0);
  return value.kind === 'constant' ? constantOf(value.sizes) : value;
}

/** CastLike: what its second input holds does not matter, only its type. */
export function castLike(call: OperatorCall): ProvedValue {
  const value = call.value(0);
  return value.kind === 'constant' ? constantOf(value.sizes) : value;
}

/** Values that stay as they are. */
export function identity(call: OperatorCall): ProvedValue {
  return call.value(0);
}
