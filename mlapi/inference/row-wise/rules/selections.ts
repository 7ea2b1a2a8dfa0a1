import { featureAxis, isRows, axisOf, type OperatorCall, type ProvedValue } from '../operator-call.ts';
import { NotRowWise, product, rowsOf, type Size } from '../values.ts';

/** Smallest end of a slice that means "to the end"; no run has that many rows. */
const beyondAll = 2 ** 31 - 1;

/** Split along features. */
export function split(call: OperatorCall): readonly ProvedValue[] {
  const { sizes } = call.rows(0);
  const axis = featureAxis(call.int('axis', 0), sizes.length);
  const lengths = call.listed(1, 'split');
  return Array.from({ length: call.outputCount }, (_, part) =>
    rowsOf(...sizes.slice(1).map((size, at) => (at + 1 === axis ? lengths?.[part] : size))),
  );
}

interface Cut {
  readonly start: number;
  readonly end: number;
  readonly step: number;
}

/** Slice along features. On the row axis only the full range is allowed, which some exporters write. */
export function slice(call: OperatorCall): ProvedValue {
  const { sizes } = call.rows(0);
  const starts = call.listed(1, 'starts');
  const ends = call.listed(2, 'ends');
  if (starts === undefined || starts.length !== ends?.length) throw new NotRowWise('its starts and ends are unknown');
  const axes = call.listed(3, 'axes') ?? starts.map((_, axis) => axis);
  const steps = call.inputs[4] === undefined ? starts.map(() => 1) : call.numbers(4);
  if (axes.length !== starts.length || steps.length !== starts.length)
    throw new NotRowWise('its numbers of axes, starts and steps differ');
  const cut: Size[] = [...sizes];
  axes.forEach((named, at) => {
    const axis = axisOf(named, sizes.length);
    const [start, end, step] = [starts[at]!, ends[at]!, steps[at]!];
    if (axis === 0 && !(start === 0 && end >= beyondAll && step === 1)) throw new NotRowWise('it slices the rows');
    if (axis > 0) cut[axis] = cutSize(sizes[axis], { start, end, step });
  });
  return rowsOf(...cut.slice(1));
}

/** ONNX Slice: negative indices count from the end, and all are clamped. The size is unknown for negative steps. */
function cutSize(size: Size, { start, end, step }: Cut): Size {
  if (size === undefined || step <= 0) return undefined;
  const clamp = (at: number) => Math.min(Math.max(at < 0 ? at + size : at, 0), size);
  return Math.max(0, Math.ceil((clamp(end) - clamp(start)) / step));
}

/** Gather: the same features of each row, or entries of a constant table by each row's indices. */
export function gather(call: OperatorCall): ProvedValue {
  const [data, indices] = [call.value(0), call.value(1)];
  const axis = call.int('axis', 0);
  if (isRows(data) && indices.kind === 'constant') {
    const at = featureAxis(axis, data.sizes.length);
    if (indices.sizes === undefined) throw new NotRowWise('input 1 has an unknown shape');
    return rowsOf(...data.sizes.slice(1, at), ...indices.sizes, ...data.sizes.slice(at + 1));
  }
  if (data.kind !== 'constant' || !isRows(indices))
    throw new NotRowWise('it gathers from rows by indices that depend on rows');
  if (data.sizes === undefined) throw new NotRowWise('input 0 has an unknown shape');
  if (axisOf(axis, data.sizes.length) !== 0) throw new NotRowWise('it moves the rows off axis 0');
  return rowsOf(...indices.sizes.slice(1), ...data.sizes.slice(1));
}

/** GatherElements: from each row, by its own indices. */
export function gatherElements(call: OperatorCall): ProvedValue {
  const { sizes } = call.rows(0);
  const indices = call.rows(1, sizes.length);
  featureAxis(call.int('axis', 0), sizes.length);
  return indices;
}

/** OneHot: adds an axis after the row axis. */
export function oneHot(call: OperatorCall): ProvedValue {
  const { sizes } = call.rows(0);
  call.constantsFrom(1);
  const axis = featureAxis(call.int('axis', -1), sizes.length + 1);
  return rowsOf(...sizes.slice(1, axis), undefined, ...sizes.slice(axis));
}

/** ArrayFeatureExtractor: the same columns of each row, or one entry of a constant list per row, which has shape [1, rows]. */
export function extractFeatures(call: OperatorCall): ProvedValue {
  const [data, columns] = [call.value(0), call.value(1)];
  if (isRows(data) && columns.kind === 'constant') {
    if (data.sizes.length < 2) throw new NotRowWise('input 0 has no features');
    return rowsOf(...data.sizes.slice(1, -1), columns.sizes && product(columns.sizes));
  }
  if (data.kind !== 'constant' || !isRows(columns))
    throw new NotRowWise('it extracts from rows by indices that depend on rows');
  const isList = data.sizes?.slice(0, -1).every((size) => size === 1) === true && data.sizes.length <= 2;
  const isOneEach = product(columns.sizes.slice(1)) === 1;
  if (!isList || !isOneEach) throw new NotRowWise('it moves the rows off axis 0');
  return { kind: 'row-vector' };
}
