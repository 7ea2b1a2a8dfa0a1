import type { AttributeValue, Initializer, OperatorModel, OperatorNode } from './operator-models.ts';

/** By operator: models in which it keeps rows apart, and models in which it may mix them. */
export interface OperatorCases {
  readonly apart: readonly OperatorModel[];
  readonly mixed?: readonly OperatorModel[];
}

type Attributes = Readonly<Record<string, AttributeValue>>;
type Inputs = OperatorNode['inputs'];
type Rest = Omit<OperatorModel, 'nodes'> & { readonly domain?: string; readonly outputs?: readonly string[] };

export const ml = 'ai.onnx.ml';
const ints = (...values: number[]): Initializer => ({ type: 'int64', sizes: [values.length], values });
const int = (value: number): Initializer => ({ type: 'int64', sizes: [], values: [value] });
const of = (...sizes: number[]): Initializer => ({ sizes });

/** A model of one node. */
function one(op: string, inputs: Inputs = ['x'], attributes: Attributes = {}, rest: Rest = {}): OperatorModel {
  const { domain, outputs = ['y'], ...more } = rest;
  return { ...more, nodes: [{ op, inputs, outputs, attributes, ...(domain !== undefined && { domain }) }] };
}

/** The rows of `x`, one number each, as `v` of rank 1; then the node. */
function withVector(op: string, inputs: Inputs, attributes: Attributes = {}, rest: Rest = {}): OperatorModel {
  const model = one(op, inputs, attributes, { entry: [1], ...rest });
  return { ...model, nodes: [{ op: 'Reshape', inputs: ['x', ints(-1)], outputs: ['v'] }, ...model.nodes] };
}

const each = (names: string, cases: (op: string) => OperatorCases): Record<string, OperatorCases> =>
  Object.fromEntries(names.split(/\s+/).map((op) => [op, cases(op)]));

const unary = {
  ...each(
    `Abs Acos Acosh Asin Asinh Atan Atanh Ceil Celu Cos Cosh Elu Erf Exp Floor Gelu HardSigmoid HardSwish IsInf IsNaN LeakyRelu Log Mish
     Neg Reciprocal Relu Round Selu Shrink Sigmoid Sign Sin Sinh Softplus Softsign Sqrt Tan Tanh ThresholdedRelu Identity`,
    (op) => ({ apart: [one(op), one(op, ['x'], {}, { entry: [2, 3] }), withVector(op, ['v'])] }),
  ),
  BitwiseNot: { apart: [one('BitwiseNot', ['x'], {}, { type: 'int32' })] },
  Not: { apart: [one('Not', ['x'], {}, { type: 'bool' })] },
  Cast: { apart: [one('Cast', ['x'], { to: 7 })] },
  CastLike: { apart: [one('CastLike', ['x', ints(1)])] },
  Clip: {
    apart: [one('Clip', ['x', of(), { sizes: [], values: [1] }])],
    mixed: [withVector('Clip', ['x', 'v'])],
  },
};

/** `[n, 1]` with `[n]` broadcasts to `[n, n]`; a constant with its own rows fits only some numbers of rows. */
const binary = (op: string, type: Rest['type'] = 'float32'): OperatorCases => {
  const attributes: Attributes = op === 'BitShift' ? { direction: 'LEFT' } : op === 'Mod' ? { fmod: 1 } : {};
  const constant = (...sizes: number[]): Initializer => {
    const count = sizes.reduce((product, size) => product * size, 1);
    return { type: type === 'string' ? 'float32' : type, sizes, values: new Array<number>(count).fill(1) };
  };
  return {
    apart: [
      one(op, ['x', constant(1, 4)], attributes, { type }),
      one(op, ['x', constant(4)], attributes, { type }),
      one(op, ['x', 'x'], attributes, { type }),
    ],
    mixed: [
      withVector(op, ['x', 'v'], attributes, { type }),
      one(op, ['x', constant(5, 4)], attributes, { type }),
      one(op, ['x', constant(2, 1, 4)], attributes, { type }),
    ],
  };
};
const elementwise = {
  ...each('Add Div Equal Greater GreaterOrEqual Less LessOrEqual Max Mean Min Mod Mul PRelu Pow Sub Sum', (op) =>
    binary(op),
  ),
  ...each('And Or Xor', (op) => binary(op, 'bool')),
  ...each('BitwiseAnd BitwiseOr BitwiseXor', (op) => binary(op, 'int32')),
  BitShift: binary('BitShift', 'uint8'),
  Where: {
    apart: [one('Where', [{ type: 'bool', sizes: [4], values: [1, 0, 1, 0] }, 'x', of(1, 4)])],
    mixed: [withVector('Where', [{ type: 'bool', sizes: [], values: [1] }, 'x', 'v'])],
  },
};

const reduced = each(
  `ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare`,
  (op) => ({
    apart: [
      one(op, ['x', ints(1)]),
      one(op, ['x', ints(-1)], { keepdims: 0 }, { entry: [2, 3] }),
      one(op, ['x'], { noop_with_empty_axes: 1 }),
    ],
    mixed: [
      one(op, ['x', ints(0)]),
      one(op),
      one(op, ['x', ints(-2)]),
      one(op, ['x', ints(0, 1)], { keepdims: 0 }, { entry: [2, 3] }),
      ...(op === 'ReduceSum' ? [] : [one(op, ['x'], { axes: [0] }, { opset: 13 })]),
    ],
  }),
);

const alongFeatures = {
  ...each('ArgMax ArgMin', (op) => ({
    apart: [one(op, ['x'], { axis: 1 }), one(op, ['x'], { axis: 2, keepdims: 0 }, { entry: [2, 3] })],
    mixed: [one(op), one(op, ['x'], { axis: 0, keepdims: 1 })],
  })),
  ...each('Hardmax LogSoftmax Softmax', (op) => ({
    apart: [one(op), one(op, ['x'], {}, { opset: 11 }), one(op, ['x'], { axis: 2 }, { entry: [2, 3], opset: 11 })],
    mixed: [one(op, ['x'], { axis: 0 }), one(op, ['x'], { axis: 0 }, { opset: 11 }), withVector(op, ['v'])],
  })),
  LpNormalization: {
    apart: [one('LpNormalization')],
    mixed: [one('LpNormalization', ['x'], { axis: 0 }), withVector('LpNormalization', ['v'])],
  },
  LayerNormalization: {
    apart: [
      one('LayerNormalization', ['x', of(4), of(4)]),
      one('LayerNormalization', ['x', of(2, 3)], { axis: 1 }, { entry: [2, 3] }),
    ],
    mixed: [one('LayerNormalization', ['x', of(1, 4)], { axis: 0 })],
  },
  RMSNormalization: {
    apart: [one('RMSNormalization', ['x', of(4)], {}, { opset: 23 })],
    mixed: [one('RMSNormalization', ['x', of(1, 4)], { axis: 0 }, { opset: 23 })],
  },
  MeanVarianceNormalization: {
    apart: [one('MeanVarianceNormalization', ['x'], { axes: [2, 3] }, { entry: [2, 3, 2] })],
    mixed: [one('MeanVarianceNormalization', ['x'], {}, { entry: [2, 3, 2] })],
  },
  BatchNormalization: {
    apart: [one('BatchNormalization', ['x', of(4), of(4), of(4), of(4)])],
    mixed: [
      one('BatchNormalization', ['x', of(4), of(4), of(4), of(4)], { training_mode: 1 }, { outputs: ['y', 'm', 'v'] }),
    ],
  },
  GroupNormalization: {
    apart: [one('GroupNormalization', ['x', of(4), of(4)], { num_groups: 2 }, { entry: [4, 3], opset: 21 })],
  },
  InstanceNormalization: { apart: [one('InstanceNormalization', ['x', of(2), of(2)], {}, { entry: [2, 5] })] },
  LRN: { apart: [one('LRN', ['x'], { size: 3 }, { entry: [4, 2, 2] })] },
  CumSum: {
    apart: [one('CumSum', ['x', int(1)])],
    mixed: [one('CumSum', ['x', int(0)]), one('CumSum', ['x', int(-2)])],
  },
  TopK: {
    apart: [
      one('TopK', ['x', ints(2)], {}, { outputs: ['y', 'i'] }),
      one('TopK', ['x', ints(2)], {}, { outputs: ['v', 'y'] }),
    ],
    mixed: [one('TopK', ['x', ints(1)], { axis: 0 }, { outputs: ['y', 'i'] })],
  },
  Dropout: {
    apart: [one('Dropout')],
    mixed: [one('Dropout', ['x', { sizes: [], values: [0.5] }, { type: 'bool', sizes: [], values: [1] }])],
  },
};

const matrices = {
  MatMul: {
    apart: [
      one('MatMul', ['x', of(4, 3)]),
      one('MatMul', ['x', of(4)]),
      one('MatMul', ['x', of(3, 2)], {}, { entry: [2, 3] }),
      one('MatMul', ['x', of(1, 3, 2)], {}, { entry: [2, 3] }),
      one('MatMul', [of(5, 2), 'x'], {}, { entry: [2, 3] }),
      one('MatMul', ['x', 'x'], {}, { entry: [3, 3] }),
    ],
    mixed: [
      one('MatMul', [of(3, 5), 'x']),
      one('MatMul', ['x', of(2, 4, 3)]),
      one('MatMul', ['x', of(5, 3, 2)], {}, { entry: [2, 3] }),
      withVector('MatMul', ['v', 'x']),
    ],
  },
  Gemm: {
    apart: [
      one('Gemm', ['x', of(4, 3), of(3)]),
      one('Gemm', ['x', of(3, 4), of(1, 3)], { transB: 1 }),
      one('Gemm', ['x', of(4, 4), 'x']),
    ],
    mixed: [
      one('Gemm', ['x', of(5, 3)], { transA: 1 }),
      one('Gemm', [of(3, 5), 'x']),
      one('Gemm', ['x', of(4, 3), of(5, 3)]),
      withVector('Gemm', ['x', of(1, 5), 'v']),
    ],
  },
  MatMulInteger: {
    apart: [one('MatMulInteger', ['x', { type: 'int8', sizes: [4, 3] }], {}, { type: 'uint8' })],
    mixed: [
      one(
        'MatMulInteger',
        ['x', { type: 'int8', sizes: [4, 3] }, { type: 'uint8', sizes: [5] }],
        {},
        { type: 'uint8' },
      ),
      one('MatMulInteger', [{ type: 'uint8', sizes: [3, 5] }, 'x'], {}, { type: 'int8' }),
    ],
  },
  QLinearMatMul: {
    apart: [one('QLinearMatMul', quantized({ type: 'int8', sizes: [4, 3] }), {}, { type: 'uint8' })],
    mixed: [one('QLinearMatMul', quantized({ type: 'int8', sizes: [4, 3] }, of(5)), {}, { type: 'uint8' })],
  },
};

/** x, its scale and zero point, weights, their scale and zero point, the output's scale and zero point. */
function quantized(weights: Initializer, scale: Initializer = of()): Inputs {
  const zero = (type: 'uint8' | 'int8'): Initializer => ({ type, sizes: [], values: [0] });
  return ['x', scale, zero('uint8'), weights, of(), zero('int8'), of(), zero('uint8')];
}

export const arithmetic: Readonly<Record<string, OperatorCases>> = {
  ...unary,
  ...elementwise,
  ...reduced,
  ...alongFeatures,
  ...matrices,
};
export { int, ints, of, one, quantized, withVector };
