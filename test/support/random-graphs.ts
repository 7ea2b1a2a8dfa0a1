import fc from 'fast-check';
import type { Initializer, OperatorModel, OperatorNode } from './operator-models.ts';

/** One node, as random numbers that choose it. */
export interface Step {
  readonly kind: number;
  /** The value it reads, counted from the newest, and a second one. */
  readonly left: number;
  readonly right: number;
  /** The choice of axis, shape or constant. */
  readonly choice: number;
}

export const stepArbitrary: fc.Arbitrary<Step> = fc.record({
  kind: fc.nat(99),
  left: fc.nat(2),
  right: fc.nat(3),
  choice: fc.nat(11),
});

interface Known {
  readonly name: string;
  /** For the number of rows that the graph is built for. */
  readonly sizes: readonly number[];
}

type Made = Pick<OperatorNode, 'op' | 'inputs' | 'attributes'> & { readonly sizes: readonly number[] };
type Make = (value: Known, other: Known, choice: number, rows: number) => Made | undefined;

const ints = (...values: number[]): Initializer => ({ type: 'int64', sizes: [values.length], values });
const product = (sizes: readonly number[]) => sizes.reduce((all, size) => all * size, 1);

/** Broadcasts like numpy; undefined if impossible. */
function broadcast(a: readonly number[], b: readonly number[]): number[] | undefined {
  const rank = Math.max(a.length, b.length);
  const at = (sizes: readonly number[], axis: number) => sizes[axis - rank + sizes.length] ?? 1;
  const met = Array.from({ length: rank }, (_, axis) => [at(a, axis), at(b, axis)] as const);
  if (met.some(([x, y]) => x !== y && x !== 1 && y !== 1) || rank > 4) return undefined;
  return met.map(([x, y]) => (x === 1 ? y : x));
}

const binary =
  (op: string): Make =>
  ({ name, sizes }, other) => {
    const met = broadcast(sizes, other.sizes);
    return met && { op, inputs: [name, other.name], sizes: met };
  };

const withConstant: Make = ({ name, sizes }, _other, choice, rows) => {
  const last = sizes.at(-1) ?? 1;
  const shapes = [[], [1], [last], [1, last], [rows, 1], [rows], [2, 1, last], [1, 1, 1]];
  const constant = shapes[choice % shapes.length]!;
  const met = broadcast(sizes, constant);
  return met && { op: choice % 2 === 0 ? 'Mul' : 'Add', inputs: [name, { sizes: constant }], sizes: met };
};

const reduce: Make = ({ name, sizes }, _other, choice) => {
  if (sizes.length === 0) return undefined;
  const axis = choice % sizes.length;
  const isKept = choice > 5 || sizes.length === 1;
  const left = sizes.flatMap((size, at) => (at !== axis ? [size] : isKept ? [1] : []));
  const op = ['ReduceMean', 'ReduceMax', 'ReduceSum'][choice % 3]!;
  return { op, inputs: [name, ints(axis)], attributes: { keepdims: isKept ? 1 : 0 }, sizes: left };
};

const reshape: Make = ({ name, sizes }, _other, choice) => {
  const all = product(sizes);
  const first = sizes[0] ?? 1;
  const shapes = [[0, -1], [-1], [-1, 1], [-1, 2], [-1, sizes.at(-1) ?? 1], [1, -1], [0, 2, -1], [-1, all / first]];
  const shape = shapes[choice % shapes.length]!;
  const copied = shape.map((size, at) => (size === 0 ? (sizes[at] ?? 1) : size));
  const others = product(copied.filter((size) => size !== -1));
  if (others === 0 || all % others !== 0 || sizes.length === 0) return undefined;
  return {
    op: 'Reshape',
    inputs: [name, ints(...shape)],
    sizes: copied.map((size) => (size === -1 ? all / others : size)),
  };
};

const transpose: Make = ({ name, sizes }, _other, choice) => {
  const axes = sizes.map((_, axis) => axis);
  const perm = choice % 2 === 0 ? [...axes].reverse() : [...axes.slice(0, 1), ...axes.slice(1).reverse()];
  return { op: 'Transpose', inputs: [name], attributes: { perm }, sizes: perm.map((axis) => sizes[axis]!) };
};

const unsqueeze: Make = ({ name, sizes }, _other, choice) => {
  const axis = choice % (sizes.length + 1);
  if (sizes.length > 3) return undefined;
  return { op: 'Unsqueeze', inputs: [name, ints(axis)], sizes: [...sizes.slice(0, axis), 1, ...sizes.slice(axis)] };
};

const concat: Make = ({ name, sizes }, other, choice) => {
  if (sizes.length === 0 || sizes.length !== other.sizes.length) return undefined;
  const axis = choice % sizes.length;
  if (sizes.some((size, at) => at !== axis && size !== other.sizes[at])) return undefined;
  const joined = sizes.map((size, at) => (at === axis ? size + other.sizes[at]! : size));
  return { op: 'Concat', inputs: [name, other.name], attributes: { axis }, sizes: joined };
};

const gather: Make = ({ name, sizes }, _other, choice) => {
  if (sizes.length === 0) return undefined;
  const axis = choice % sizes.length;
  const indices: Initializer = choice > 7 ? { type: 'int64', sizes: [], values: [0] } : ints(0, 0);
  const taken = [...sizes.slice(0, axis), ...indices.sizes, ...sizes.slice(axis + 1)];
  return { op: 'Gather', inputs: [name, indices], attributes: { axis }, sizes: taken };
};

const alongAxis: Make = ({ name, sizes }, _other, choice) => {
  if (sizes.length === 0) return undefined;
  const axis = choice % sizes.length;
  if (choice > 5) return { op: 'Softmax', inputs: [name], attributes: { axis }, sizes };
  return { op: 'CumSum', inputs: [name, { type: 'int64', sizes: [], values: [axis] }], sizes };
};

const matMul: Make = ({ name, sizes }, other, choice) => {
  const last = sizes.at(-1) ?? 1;
  if (choice % 3 > 0 && sizes.length > 1) {
    const weights = choice % 3 === 1 ? [last, 3] : [1, last, 2];
    const met = broadcast(sizes.slice(0, -2), weights.slice(0, -2));
    return met && { op: 'MatMul', inputs: [name, { sizes: weights }], sizes: [...met, sizes.at(-2)!, weights.at(-1)!] };
  }
  if (sizes.length < 2 || other.sizes.length < 2 || last !== other.sizes.at(-2)) return undefined;
  const met = broadcast(sizes.slice(0, -2), other.sizes.slice(0, -2));
  return met && { op: 'MatMul', inputs: [name, other.name], sizes: [...met, sizes.at(-2)!, other.sizes.at(-1)!] };
};

const flatten: Make = ({ name, sizes }, _other, choice) => {
  const axis = choice % (sizes.length + 1);
  const flat = [product(sizes.slice(0, axis)), product(sizes.slice(axis))];
  return { op: 'Flatten', inputs: [name], attributes: { axis }, sizes: flat };
};

const unary =
  (op: string): Make =>
  ({ name, sizes }) => ({ op, inputs: [name], sizes });

const makes: readonly Make[] = [
  ...[unary('Tanh'), unary('Relu'), binary('Add'), binary('Sub'), binary('Max'), withConstant, withConstant],
  ...[reduce, reduce, reshape, reshape, transpose, unsqueeze, concat, gather, alongAxis, matMul, flatten],
];

/** A random graph of proved operators with any broadcasts; steps that cannot be computed are skipped. */
export function randomGraph(steps: readonly Step[], rows: number): OperatorModel {
  const values: Known[] = [{ name: 'x', sizes: [rows, 4] }];
  const nodes: OperatorNode[] = [];
  for (const { kind, left, right, choice } of steps) {
    const value = values[Math.max(0, values.length - 1 - left)]!;
    const made = makes[kind % makes.length]!(value, values[right % values.length]!, choice, rows);
    if (made === undefined || product(made.sizes) > 10_000) continue;
    const { sizes, ...node } = made;
    const name = `v${values.length}`;
    nodes.push({ ...node, outputs: [name] });
    values.push({ name, sizes });
  }
  nodes.push({ op: 'Identity', inputs: [values.at(-1)!.name], outputs: ['y'] });
  return { nodes };
}
