import { castLike, elementwise, identity, unary } from './broadcast.ts';
import type { Rule } from './operator-call.ts';
import * as features from './rules/along-features.ts';
import * as matrices from './rules/matrices.ts';
import * as samples from './rules/samples.ts';
import * as selections from './rules/selections.ts';
import * as shapes from './rules/shapes.ts';

/** Operators grouped by the rule that says when they keep rows independent. */
const standard: readonly (readonly [Rule, string])[] = [
  [
    unary,
    `Abs Acos Acosh Asin Asinh Atan Atanh BitwiseNot Cast Ceil Celu Clip Cos Cosh Elu Erf Exp Floor Gelu HardSigmoid HardSwish
     IsInf IsNaN LeakyRelu Log Mish Neg Not Reciprocal Relu Round Selu Shrink Sigmoid Sign Sin Sinh Softplus Softsign Sqrt
     Tan Tanh ThresholdedRelu`,
  ],
  [
    elementwise,
    `Add And BitShift BitwiseAnd BitwiseOr BitwiseXor Div Equal Greater GreaterOrEqual Less LessOrEqual Max Mean Min Mod Mul Or
     PRelu Pow Sub Sum Where Xor`,
  ],
  [castLike, 'CastLike'],
  [identity, 'Identity'],
  [matrices.matMul, 'MatMul'],
  [matrices.gemm, 'Gemm'],
  [matrices.matMulInteger, 'MatMulInteger'],
  [matrices.quantizedMatMul, 'QLinearMatMul'],
  [
    features.reduce,
    `ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare`,
  ],
  [features.argument, 'ArgMax ArgMin'],
  [features.softmax, 'Hardmax LogSoftmax Softmax'],
  [features.normalizeAxis, 'LpNormalization'],
  [features.normalizeLayer, 'LayerNormalization RMSNormalization'],
  [features.normalizeMoments, 'MeanVarianceNormalization'],
  [features.normalizeBatch, 'BatchNormalization'],
  [features.normalizeInstance, 'GroupNormalization InstanceNormalization LRN'],
  [features.cumSum, 'CumSum'],
  [features.topK, 'TopK'],
  [features.dropout, 'Dropout'],
  [selections.split, 'Split'],
  [selections.slice, 'Slice'],
  [selections.gather, 'Gather'],
  [selections.gatherElements, 'GatherElements'],
  [selections.oneHot, 'OneHot'],
  [shapes.concat, 'Concat'],
  [shapes.reshape, 'Reshape'],
  [shapes.flatten, 'Flatten'],
  [shapes.transpose, 'Transpose'],
  [shapes.squeeze, 'Squeeze'],
  [shapes.unsqueeze, 'Unsqueeze'],
  [shapes.expand, 'Expand'],
  [shapes.tile, 'Tile'],
  [shapes.pad, 'Pad'],
  [shapes.regroup, 'DepthToSpace SpaceToDepth'],
  [shapes.constantNode, 'Constant'],
  [samples.convolution, 'Conv ConvInteger ConvTranspose'],
  [samples.quantizedConvolution, 'QLinearConv'],
  [samples.pool, 'AveragePool LpPool MaxPool'],
  [samples.globalPool, 'GlobalAveragePool GlobalLpPool GlobalMaxPool'],
  [samples.quantize, 'DequantizeLinear QuantizeLinear'],
  [samples.learned(1), 'TfIdfVectorizer'],
];

const machineLearning: readonly (readonly [Rule, string])[] = [
  [unary, 'Binarizer CategoryMapper LabelEncoder'],
  [samples.columnwise, 'Imputer Normalizer Scaler'],
  [samples.learned(0, 1), 'LinearClassifier SVMClassifier TreeEnsembleClassifier'],
  [samples.regression('n_targets'), 'TreeEnsemble TreeEnsembleRegressor'],
  [samples.regression('targets', 1), 'LinearRegressor'],
  [samples.regression('', 1), 'SVMRegressor'],
  [samples.joinFeatures, 'FeatureVectorizer'],
  [samples.encodeOneHot, 'OneHotEncoder'],
  [selections.extractFeatures, 'ArrayFeatureExtractor'],
];

interface Domain {
  readonly rules: ReadonlyMap<string, Rule>;
  /** Operator sets for which the rules were written. */
  readonly versions: { readonly least: number; readonly most: number };
}

/** Operators known to keep rows independent under their rule. All others are unproved. */
export const rowWiseOperators: ReadonlyMap<string, Domain> = new Map([
  ['ai.onnx', { rules: byName(standard), versions: { least: 7, most: 26 } }],
  ['ai.onnx.ml', { rules: byName(machineLearning), versions: { least: 1, most: 5 } }],
]);

function byName(families: readonly (readonly [Rule, string])[]): ReadonlyMap<string, Rule> {
  return new Map(families.flatMap(([rule, names]) => names.split(/\s+/).map((name): [string, Rule] => [name, rule])));
}
