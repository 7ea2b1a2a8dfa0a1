import { featureAxis, type OperatorCall, type ProvedValue } from '../operator-call.ts';
import { checkConstant } from '../broadcast.ts';
import { NotRowWise, rowsOf, type Size } from '../values.ts';

/** Reduce*: over the named axes. Without axes it reduces all of them, including the rows. */
export function reduce(call: OperatorCall): ProvedValue {
  const { sizes } = call.rows(0);
  const axes = call.listed(1, 'axes') ?? [];
  if (axes.length === 0) {
    if (call.int('noop_with_empty_axes', 0) === 0) throw new NotRowWise('it works along all axes, including the rows');
    return call.rows(0);
  }
  return without(
    sizes,
    axes.map((axis) => featureAxis(axis, sizes.length)),
    call.int('keepdims', 1) !== 0,
  );
}

/** ArgMax, ArgMin. */
export function argument(call: OperatorCall): ProvedValue {
  const { sizes } = call.rows(0);
  return without(sizes, [featureAxis(call.int('axis', 0), sizes.length)], call.int('keepdims', 1) !== 0);
}

function without(sizes: readonly Size[], axes: readonly number[], keeps: boolean): ProvedValue {
  const left = sizes.map((size, axis) => (axes.includes(axis) ? 1 : size));
  return rowsOf(...left.filter((_, axis) => axis > 0 && (keeps || !axes.includes(axis))));
}

/**
 * Softmax, LogSoftmax, Hardmax. Up to operator set 12: all axes from `axis` on, default 1. Later: the single axis `axis`, default the last.
 */
export function softmax(call: OperatorCall): ProvedValue {
  const value = call.rows(0);
  featureAxis(call.int('axis', call.version < 13 ? 1 : -1), value.sizes.length);
  return value;
}

/** LpNormalization. */
export function normalizeAxis(call: OperatorCall): ProvedValue {
  const value = call.rows(0);
  featureAxis(call.int('axis', -1), value.sizes.length);
  return value;
}

/** LayerNormalization, RMSNormalization: over the axes from `axis` on. The further outputs, mean and deviation, are per row. */
export function normalizeLayer(call: OperatorCall): readonly ProvedValue[] {
  const value = call.rows(0);
  const rank = value.sizes.length;
  const axis = featureAxis(call.int('axis', -1), rank);
  for (let at = 1; at < call.inputs.length; at += 1)
    if (call.inputs[at] !== undefined) checkConstant(call.constant(at).sizes, rank);
  const summary = rowsOf(...value.sizes.slice(1).map((size, at) => (at + 1 >= axis ? 1 : size)));
  return [value, summary, summary];
}

/** MeanVarianceNormalization. */
export function normalizeMoments(call: OperatorCall): ProvedValue {
  const value = call.rows(0);
  (call.ints('axes') ?? [0, 2, 3]).forEach((axis) => featureAxis(axis, value.sizes.length));
  return value;
}

/** BatchNormalization in inference: uses statistics from training, per feature. */
export function normalizeBatch(call: OperatorCall): ProvedValue {
  const value = call.rows(0);
  if (call.int('training_mode', 0) !== 0 || call.outputCount > 1)
    throw new NotRowWise('it is in training mode and normalizes over the rows');
  if (value.sizes.length < 2) throw new NotRowWise('input 0 has no features');
  call.constantsFrom(1);
  return value;
}

/** InstanceNormalization, GroupNormalization, LRN: within each row. */
export function normalizeInstance(call: OperatorCall): ProvedValue {
  const value = call.rows(0);
  if (value.sizes.length < 3) throw new NotRowWise('input 0 has a rank below 3');
  call.constantsFrom(1);
  return value;
}

export function cumSum(call: OperatorCall): ProvedValue {
  const value = call.rows(0);
  const [axis, ...more] = call.numbers(1);
  if (axis === undefined || more.length > 0) throw new NotRowWise('its axis is not one number');
  featureAxis(axis, value.sizes.length);
  return value;
}

/** TopK: largest values of each row and their indices within it. */
export function topK(call: OperatorCall): readonly ProvedValue[] {
  const { sizes } = call.rows(0);
  call.constantsFrom(1);
  const axis = featureAxis(call.int('axis', -1), sizes.length);
  const count = call.inputs[1] === undefined ? call.int('k', 0) : call.constant(1).numbers?.[0];
  const best = rowsOf(...sizes.slice(1).map((size, at) => (at + 1 === axis ? count : size)));
  return [best, best];
}

/** Dropout in inference returns its input. */
export function dropout(call: OperatorCall): readonly ProvedValue[] {
  const value = call.rows(0);
  call.constantsFrom(1);
  const isTraining = call.inputs[2] !== undefined && call.numbers(2).some((flag) => flag !== 0);
  if (isTraining) throw new NotRowWise('it is in training mode');
  return [value, value];
}
