import { broadcast, checkConstant } from '../broadcast.ts';
import {
  axisOf,
  featureAxis,
  isRows,
  isRowVector,
  type OperatorCall,
  type ProvedValue,
  type Rule,
} from '../operator-call.ts';
import { constantOf, NotRowWise, product, rowsOf, type Constant, type Size } from '../values.ts';

/** Reshape: axis 0 keeps its size (0 copies it), or is -1 while the rest of a row has as many elements as before. */
export function reshape(call: OperatorCall): ProvedValue {
  const shape = call.numbers(1);
  if (call.int('allowzero', 0) !== 0) throw new NotRowWise('allowzero changes the meaning of 0');
  const value = call.value(0);
  const [first, ...rest] = shape;
  if (isRowVector(value)) {
    // [1, n] has the same order of elements.
    if (first === -1 && rest.every((size) => size === 1)) return rowsOf(...rest);
    throw new NotRowWise('it moves the rows off axis 0');
  }
  if (value.kind === 'constant') return reshapeConstant(value, shape);
  const entry = product(value.sizes.slice(1));
  const sizes = rest.map((size, at): Size => (size === 0 ? value.sizes[at + 1] : size === -1 ? undefined : size));
  if (first === 0) {
    const others = product(sizes.filter((_, at) => rest[at] !== -1));
    const open = entry === undefined || others === undefined || others === 0 ? undefined : entry / others;
    return rowsOf(...sizes.map((size, at) => (rest[at] === -1 ? open : size)));
  }
  const isSame = first === -1 && entry !== undefined && entry > 0 && product(sizes) === entry;
  if (!isSame) throw new NotRowWise('the new shape may not have the rows on axis 0');
  return rowsOf(...sizes);
}

function reshapeConstant({ sizes: before, numbers }: Constant, shape: readonly number[]): Constant {
  const sizes = shape.map((size, at): Size => (size === 0 ? before?.[at] : size === -1 ? undefined : size));
  const [all, others] = [before && product(before), product(sizes.filter((_, at) => shape[at] !== -1))];
  const open = all === undefined || others === undefined || others === 0 ? undefined : all / others;
  return constantOf(
    sizes.map((size, at) => (shape[at] === -1 ? open : size)),
    numbers,
  );
}

/** Flatten to [rows, elements]. Any axis but 1 would split or merge rows. */
export function flatten(call: OperatorCall): ProvedValue {
  const { sizes } = call.rows(0);
  const axis = call.int('axis', 1);
  if ((axis < 0 ? axis + sizes.length : axis) !== 1) throw new NotRowWise('it merges rows');
  return rowsOf(product(sizes.slice(1)));
}

export function transpose(call: OperatorCall): ProvedValue {
  const value = call.value(0);
  if (value.kind === 'row-vector') throw new NotRowWise('it moves rows that are not on axis 0');
  const { sizes } = value;
  if (sizes === undefined) return constantOf(undefined);
  const order = call.ints('perm') ?? sizes.map((_, axis) => sizes.length - 1 - axis);
  if (order.length !== sizes.length) throw new NotRowWise('its axes do not match its input');
  const moved = order.map((axis) => sizes[axis]);
  if (value.kind === 'constant') return constantOf(moved);
  if (order[0] !== 0) throw new NotRowWise('it moves axis 0, the row axis');
  return rowsOf(...moved.slice(1));
}

/** Squeeze with named axes only. Without axes, all axes of size 1 are removed, including the row axis of a single row. */
export function squeeze(call: OperatorCall): ProvedValue {
  const value = call.value(0);
  const axes = call.listed(1, 'axes');
  if (value.kind === 'row-vector') throw new NotRowWise('it moves rows that are not on axis 0');
  const { sizes } = value;
  if (axes === undefined || axes.length === 0 || sizes === undefined) {
    if (value.kind === 'constant') return constantOf(undefined);
    throw new NotRowWise('it names no axes, so it would remove the row axis of a single row');
  }
  const gone = axes.map((axis) => axisOf(axis, sizes.length));
  const left = sizes.filter((_, axis) => !gone.includes(axis));
  if (value.kind === 'constant') return constantOf(left, value.numbers);
  if (gone.includes(0)) throw new NotRowWise('it removes axis 0, the row axis');
  return rowsOf(...left.slice(1));
}

export function unsqueeze(call: OperatorCall): ProvedValue {
  const value = call.value(0);
  const axes = call.listed(1, 'axes');
  if (axes === undefined) throw new NotRowWise('it names no axes');
  if (value.kind === 'row-vector') throw new NotRowWise('it moves rows that are not on axis 0');
  const { sizes } = value;
  if (sizes === undefined) return constantOf(undefined);
  const rank = sizes.length + axes.length;
  const added = axes.map((axis) => axisOf(axis, rank));
  if (new Set(added).size < added.length) throw new NotRowWise('it names an axis twice');
  if (value.kind === 'rows') added.forEach((axis) => featureAxis(axis, rank));
  const left = [...sizes];
  const all = Array.from({ length: rank }, (_, axis): Size => (added.includes(axis) ? 1 : left.shift()));
  return value.kind === 'constant' ? constantOf(all, value.numbers) : rowsOf(...all.slice(1));
}

/** Expand: like an element-wise operator with a constant of that shape. */
export function expand(call: OperatorCall): ProvedValue {
  return broadcast([call.rows(0), constantOf(call.numbers(1))]);
}

export function tile(call: OperatorCall): ProvedValue {
  const { sizes } = call.rows(0);
  const repeats = call.numbers(1);
  if (repeats.length !== sizes.length || repeats[0] !== 1) throw new NotRowWise('it repeats the rows');
  return rowsOf(...sizes.slice(1).map((size, at) => (size === undefined ? undefined : size * repeats[at + 1]!)));
}

/**
 * Pad within rows only. ONNX Runtime 1.30 reads past the end of a row, into another row, if it repeats values and also crops (negative
 * pads) or wraps around.
 */
export function pad(call: OperatorCall): ProvedValue {
  const { sizes } = call.rows(0);
  call.constantsFrom(1);
  const pads = call.listed(1, 'pads');
  if (pads === undefined) throw new NotRowWise('its pads are unknown');
  const mode = call.attribute('mode')?.text ?? 'constant';
  const isBounded = mode === 'constant' || ((mode === 'reflect' || mode === 'edge') && pads.every((size) => size >= 0));
  if (!isBounded) throw new NotRowWise('it could read past the end of a row');
  const axes = call.inputs[3] === undefined ? sizes.map((_, axis) => axis) : call.numbers(3);
  if (pads.length !== 2 * axes.length) throw new NotRowWise('its numbers of pads and axes do not match');
  const padded: Size[] = [...sizes];
  axes.forEach((named, at) => {
    const [before, behind] = [pads[at]!, pads[at + axes.length]!];
    if (before === 0 && behind === 0) return;
    const axis = featureAxis(named, sizes.length);
    padded[axis] = undefined;
  });
  return rowsOf(...padded.slice(1));
}

/** DepthToSpace, SpaceToDepth: rearrange the elements of an image. */
export function regroup(call: OperatorCall): ProvedValue {
  call.rows(0, 4);
  return rowsOf(undefined, undefined, undefined);
}

/** Constant: the value is in the node. */
export function constantNode(call: OperatorCall): Constant {
  const tensor = call.attribute('value')?.tensor;
  if (tensor !== undefined) return constantOf(tensor.sizes, tensor.numbers);
  if (call.attribute('value_int') !== undefined) return constantOf([], [call.int('value_int', 0)]);
  const ints = call.ints('value_ints');
  if (ints !== undefined) return constantOf([ints.length], ints);
  if (call.attribute('value_float') !== undefined || call.attribute('value_string') !== undefined)
    return constantOf([]);
  const listed = call.attribute('value_floats') ?? call.attribute('value_strings');
  return constantOf(listed === undefined ? undefined : [listed.count]);
}

/** Concat: rows with rows, along features. A constant would need one entry per row. */
export function concat(call: OperatorCall): ProvedValue {
  const values = call.inputs.map((_, at) => call.value(at));
  const [first] = values;
  if (first === undefined) throw new NotRowWise('it has no inputs');
  if (call.isConstant) return concatConstants(values as readonly Constant[]);
  const { sizes } = call.rows(0);
  const axis = featureAxis(call.int('axis', 1), sizes.length);
  const joined = values.map((_, at) => call.rows(at, sizes.length).sizes);
  return rowsOf(
    ...sizes.slice(1).map((_, at) => {
      if (at + 1 === axis) return sumOf(joined.map((each) => each[axis]));
      return joined.map((each) => each[at + 1]).find((size) => size !== undefined);
    }),
  );
}

function concatConstants(values: readonly Constant[]): Constant {
  const isList = values.every(({ sizes, numbers }) => sizes?.length === 1 && numbers !== undefined);
  if (!isList) return constantOf(undefined);
  const numbers = values.flatMap((value) => value.numbers ?? []);
  return constantOf([numbers.length], numbers);
}

function sumOf(sizes: readonly Size[]): Size {
  return sizes.reduce<Size>((sum, size) => (sum === undefined || size === undefined ? undefined : sum + size), 0);
}

/** Rules that also derive constants from constants. */
export const constantRules: ReadonlySet<Rule> = new Set<Rule>([
  ...[reshape, transpose, squeeze, unsqueeze, constantNode, concat],
]);

/** Requires a constant that is the same for each row, or rows of this rank. @throws {NotRowWise} */
export function isConstantOrRows(call: OperatorCall, at: number, rank: number): void {
  const value = call.value(at);
  if (isRows(value)) call.rows(at, rank);
  else checkConstant(call.constant(at).sizes, rank);
}
