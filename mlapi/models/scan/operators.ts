import { quote, refuse } from './scan-refusals.ts';

/**
 * Operators of the ONNX standard that the CPU provider of onnxruntime 1.30 implements, up to operator set 26 of ai.onnx and 5 of
 * ai.onnx.ml. Excluded, although the runtime knows them:
 * - Bernoulli, Multinomial, Random*: predictions must be repeatable
 * - NegativeLogLikelihoodLoss, SoftmaxCrossEntropyLoss, ai.onnx.preview.training: training only
 * - ImageDecoder: image decoders are an attack surface, and the CPU provider has none
 * - com.microsoft, com.ms.*: extensions that change with the runtime, including EPContext, which names a library or a file to load
 * - operators that the runtime adds to ai.onnx by itself: Memcpy*, *_TRT, Affine, Crop, GRUUnit, Scale and others
 */
const standard = `
  Abs Acos Acosh Add AffineGrid And ArgMax ArgMin Asin Asinh Atan Atanh Attention AveragePool BatchNormalization
  BitCast BitShift BitwiseAnd BitwiseNot BitwiseOr BitwiseXor BlackmanWindow Cast CastLike Ceil Celu CenterCropPad
  Clip Col2Im Compress Concat ConcatFromSequence Constant ConstantOfShape Conv ConvInteger ConvTranspose Cos Cosh
  CumProd CumSum DFT DeformConv DepthToSpace DequantizeLinear Det Div Dropout DynamicQuantizeLinear Einsum Elu
  Equal Erf Exp Expand EyeLike Flatten Floor GRU Gather GatherElements GatherND Gelu Gemm GlobalAveragePool
  GlobalLpPool GlobalMaxPool Greater GreaterOrEqual GridSample GroupNormalization HammingWindow HannWindow
  HardSigmoid HardSwish Hardmax Identity If InstanceNormalization IsInf IsNaN LRN LSTM LayerNormalization
  LeakyRelu Less LessOrEqual Log LogSoftmax Loop LpNormalization LpPool MatMul MatMulInteger Max MaxPool
  MaxRoiPool MaxUnpool Mean MeanVarianceNormalization MelWeightMatrix Min Mish Mod Mul Neg NonMaxSuppression
  NonZero Not OneHot Optional OptionalGetElement OptionalHasElement Or PRelu Pad Pow QLinearConv QLinearMatMul
  QuantizeLinear RMSNormalization RNN Range Reciprocal ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax
  ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare RegexFullMatch Relu Reshape Resize ReverseSequence
  RoiAlign RotaryEmbedding Round STFT Scan Scatter ScatterElements ScatterND Selu SequenceAt SequenceConstruct
  SequenceEmpty SequenceErase SequenceInsert SequenceLength SequenceMap Shape Shrink Sigmoid Sign Sin Sinh Size
  Slice Softmax Softplus Softsign SpaceToDepth Split SplitToSequence Sqrt Squeeze StringConcat StringNormalizer
  StringSplit Sub Sum Swish Tan Tanh TensorScatter TfIdfVectorizer ThresholdedRelu Tile TopK Transpose Trilu
  Unique Unsqueeze Upsample Where Xor
`;

const machineLearning = `
  ArrayFeatureExtractor Binarizer CastMap CategoryMapper DictVectorizer FeatureVectorizer Imputer LabelEncoder
  LinearClassifier LinearRegressor Normalizer OneHotEncoder SVMClassifier SVMRegressor Scaler TreeEnsemble
  TreeEnsembleClassifier TreeEnsembleRegressor ZipMap
`;

interface Domain {
  readonly operators: ReadonlySet<string>;
  readonly minVersion: number;
  readonly maxVersion: number;
}

/** Accepted operators, keyed by domain. The runtime supports models from operator set 7 of the standard on. */
export const domains: ReadonlyMap<string, Domain> = new Map([
  ['ai.onnx', { operators: listed(standard), minVersion: 7, maxVersion: 26 }],
  ['ai.onnx.ml', { operators: listed(machineLearning), minVersion: 1, maxVersion: 5 }],
]);

function listed(names: string): ReadonlySet<string> {
  return new Set(names.trim().split(/\s+/));
}

/** The standard domain has two names. */
export function domainOf(name: string): string {
  return name === '' ? 'ai.onnx' : name;
}

/** @throws {Problem} 422 `operator_not_allowed` for an operator that is not listed */
export function checkOperator(domain: string, operator: string, node: string): void {
  if (domains.get(domain)?.operators.has(operator) === true) return;
  const shown = domain === 'ai.onnx' ? quote(operator) : quote(`${domain}::${operator}`);
  refuse('operator_not_allowed', `The node ${quote(node)} uses the operator ${shown}, which is not allowed.`);
}

/** @throws {Problem} 422 for an operator set that is not allowed, or in an unsupported version */
export function checkOperatorSet(domain: string, version: number): void {
  const known = domains.get(domain);
  if (known === undefined)
    refuse('operator_not_allowed', `The model imports the operator set ${quote(domain)}, which is not allowed.`);
  if (version < known.minVersion || version > known.maxVersion)
    refuse(
      'unsupported_model',
      `The model needs version ${version} of ${domain}; versions ${known.minVersion} to ${known.maxVersion} are supported.`,
    );
}
