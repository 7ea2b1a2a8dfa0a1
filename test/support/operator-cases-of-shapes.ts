import { ints, ml, of, one, quantized, withVector, type OperatorCases } from './operator-cases.ts';
import { selections } from './operator-cases-of-selections.ts';

const shapes: Record<string, OperatorCases> = {
  Concat: {
    apart: [one('Concat', ['x', 'x'], { axis: 1 }), one('Concat', ['x', 'x'], { axis: -1 }, { entry: [2, 3] })],
    mixed: [
      one('Concat', ['x', 'x'], { axis: 0 }),
      one('Concat', ['x', 'x'], { axis: -2 }),
      one('Concat', ['x', of(5, 2)], { axis: 1 }),
    ],
  },
  Reshape: {
    apart: [
      one('Reshape', ['x', ints(0, 2, 2)]),
      one('Reshape', ['x', ints(0, -1)], {}, { entry: [2, 3] }),
      one('Reshape', ['x', ints(-1, 2, 2)]),
      one('Reshape', ['x', ints(-1, 6)], {}, { entry: [2, 3] }),
      one('Reshape', ['x', ints(-1)], {}, { entry: [1] }),
    ],
    mixed: [
      one('Reshape', ['x', ints(-1)]),
      one('Reshape', ['x', ints(-1, 2)]),
      one('Reshape', ['x', ints(-1, 8)]),
      one('Reshape', ['x', ints(1, -1)]),
      one('Reshape', ['x', ints(5, 4)]),
      one('Reshape', ['x', ints(4, -1)]),
    ],
  },
  Flatten: {
    apart: [one('Flatten', ['x'], {}, { entry: [2, 3] }), one('Flatten', ['x'], { axis: -2 }, { entry: [2, 3] })],
    mixed: [
      one('Flatten', ['x'], { axis: 0 }, { entry: [2, 3] }),
      one('Flatten', ['x'], { axis: 2 }, { entry: [2, 3] }),
      one('Flatten', ['x'], { axis: -1 }, { entry: [2, 3] }),
    ],
  },
  Transpose: {
    apart: [one('Transpose', ['x'], { perm: [0, 2, 1] }, { entry: [2, 3] }), withVector('Transpose', ['v'])],
    mixed: [
      one('Transpose'),
      one('Transpose', ['x'], { perm: [1, 0] }),
      one('Transpose', ['x'], { perm: [2, 1, 0] }, { entry: [2, 3] }),
    ],
  },
  Squeeze: {
    apart: [one('Squeeze', ['x', ints(1)], {}, { entry: [1] }), one('Squeeze', ['x', ints(-1)], {}, { entry: [3, 1] })],
    mixed: [
      one('Squeeze', ['x'], {}, { entry: [1] }),
      one('Squeeze', ['x', ints(0)]),
      one('Squeeze', ['x', ints(-2)]),
      // No axes means all axes, in both forms.
      one('Squeeze', ['x', ints()], {}, { entry: [1] }),
      one('Squeeze', ['x'], { axes: [] }, { entry: [1], opset: 11 }),
    ],
  },
  Unsqueeze: {
    apart: [
      one('Unsqueeze', ['x', ints(1)]),
      one('Unsqueeze', ['x', ints(-1, 1)]),
      one('Unsqueeze', ['x'], { axes: [2] }, { opset: 11 }),
    ],
    mixed: [one('Unsqueeze', ['x', ints(0)]), one('Unsqueeze', ['x', ints(-3)])],
  },
  Expand: {
    apart: [one('Expand', ['x', ints(1, 4)]), one('Expand', ['x', ints(4)], {}, { entry: [1] })],
    mixed: [one('Expand', ['x', ints(5, 4)]), one('Expand', ['x', ints(2, 1, 4)])],
  },
  Tile: { apart: [one('Tile', ['x', ints(1, 2)])], mixed: [one('Tile', ['x', ints(2, 1)])] },
  Pad: {
    apart: [
      one('Pad', ['x', ints(0, 1, 0, 2)]),
      one('Pad', ['x', ints(1, 1), '', ints(1)], { mode: 'reflect' }),
      one('Pad', ['x', ints(0, -1, 0, -2)]),
    ],
    mixed: [
      one('Pad', ['x', ints(1, 0, 0, 0)]),
      one('Pad', ['x', ints(0, 0, 1, 0)], { mode: 'edge' }),
      one('Pad', ['x', ints(0, 1), '', ints(-2)]),
      // The runtime reads the wrapped elements from the next row.
      one('Pad', ['x', ints(0, 2, 0, -2)], { mode: 'wrap' }, { entry: [3] }),
      one('Pad', ['x', ints(0, 2, 0, -2)], { mode: 'reflect' }),
      one('Pad', ['x', ints(0, 2, 0, -2)], { mode: 'edge' }),
    ],
  },
  DepthToSpace: { apart: [one('DepthToSpace', ['x'], { blocksize: 2 }, { entry: [4, 2, 2] })] },
  SpaceToDepth: { apart: [one('SpaceToDepth', ['x'], { blocksize: 2 }, { entry: [2, 4, 2] })] },
  Constant: {
    apart: [
      {
        nodes: [
          { op: 'Constant', inputs: [], outputs: ['c'], attributes: { value: of(1, 4) } },
          { op: 'Add', inputs: ['x', 'c'], outputs: ['y'] },
        ],
      },
    ],
    mixed: [{ nodes: [{ op: 'Constant', inputs: [], outputs: ['y'], attributes: { value: of(5, 4) } }] }],
  },
};

const images = { entry: [2, 4, 4] };
const samples: Record<string, OperatorCases> = {
  Conv: {
    apart: [
      one('Conv', ['x', of(3, 2, 2, 2), of(3)], {}, images),
      one('Conv', ['x', of(3, 2, 2)], {}, { entry: [2, 5] }),
    ],
    mixed: [one('Conv', [of(1, 2, 4, 4), 'x'], {}, images)],
  },
  ConvTranspose: { apart: [one('ConvTranspose', ['x', of(2, 3, 2, 2)], {}, images)] },
  ConvInteger: {
    apart: [one('ConvInteger', ['x', { type: 'uint8', sizes: [3, 2, 2, 2] }], {}, { ...images, type: 'uint8' })],
  },
  QLinearConv: {
    apart: [one('QLinearConv', quantized({ type: 'int8', sizes: [3, 2, 2, 2] }), {}, { ...images, type: 'uint8' })],
  },
  AveragePool: { apart: [one('AveragePool', ['x'], { kernel_shape: [2, 2] }, images)] },
  LpPool: { apart: [one('LpPool', ['x'], { kernel_shape: [2, 2] }, images)] },
  MaxPool: {
    apart: [one('MaxPool', ['x'], { kernel_shape: [2, 2] }, images)],
    mixed: [one('MaxPool', ['x'], { kernel_shape: [2, 2] }, { ...images, outputs: ['z', 'y'] })],
  },
  GlobalAveragePool: { apart: [one('GlobalAveragePool', ['x'], {}, images)] },
  GlobalLpPool: { apart: [one('GlobalLpPool', ['x'], {}, images)] },
  GlobalMaxPool: { apart: [one('GlobalMaxPool', ['x'], {}, images)] },
  QuantizeLinear: {
    apart: [
      one('QuantizeLinear', ['x', of(), { type: 'uint8', sizes: [], values: [3] }]),
      one('QuantizeLinear', ['x', of(4), { type: 'uint8', sizes: [4], values: [1, 2, 3, 4] }], { axis: 1 }),
    ],
    mixed: [
      one('QuantizeLinear', ['x', of(5), { type: 'uint8', sizes: [5], values: [1, 2, 3, 4, 5] }], { axis: 0 }),
      withVector('QuantizeLinear', ['v', of(5)]),
    ],
  },
  DequantizeLinear: {
    apart: [one('DequantizeLinear', ['x', of()], {}, { type: 'uint8' })],
    mixed: [one('DequantizeLinear', ['x', of(5)], { axis: 0 }, { type: 'uint8' })],
  },
  TfIdfVectorizer: {
    apart: [one('TfIdfVectorizer', ['x'], ngrams(), { type: 'int64' })],
    mixed: [withVector('TfIdfVectorizer', ['v'], ngrams(), { type: 'int64' })],
  },
};

function ngrams() {
  return {
    ...{ max_gram_length: 1, max_skip_count: 0, min_gram_length: 1, mode: 'TF' },
    ...{ ngram_counts: [0], ngram_indexes: [0, 1], pool_int64s: [1, 2] },
  };
}

const trees = {
  ...{ nodes_treeids: [0, 0, 0], nodes_nodeids: [0, 1, 2], nodes_featureids: [1, 0, 0] },
  ...{ nodes_modes: ['BRANCH_LEQ', 'LEAF', 'LEAF'], nodes_values: { floats: [0.5, 0, 0] } },
  ...{ nodes_truenodeids: [1, 0, 0], nodes_falsenodeids: [2, 0, 0] },
};
const leaves = (kind: string) => ({
  ...{ [`${kind}_treeids`]: [0, 0], [`${kind}_nodeids`]: [1, 2], [`${kind}_ids`]: [0, 1] },
  [`${kind}_weights`]: { floats: [0.25, 0.75] },
});
const learned = (
  op: string,
  attributes: Parameters<typeof one>[2],
  outputs: readonly (readonly string[])[] = [['y']],
): OperatorCases => ({
  apart: outputs.map((names) => one(op, ['x'], attributes, { domain: ml, outputs: names })),
  mixed: [withVector(op, ['v'], attributes, { domain: ml, outputs: outputs[0]! })],
});
const both = [
  ['y', 's'],
  ['l', 'y'],
];
const support = {
  ...{ coefficients: { floats: [1, -0.5] }, kernel_type: 'RBF', kernel_params: { floats: [0.3, 0, 3] } },
  ...{ rho: { floats: [0.1] }, support_vectors: { floats: [1, 0, 0.5, 1, 0, 1, -1, 0.5] } },
};

const machineLearning: Record<string, OperatorCases> = {
  Binarizer: {
    apart: [one('Binarizer', ['x'], {}, { domain: ml }), withVector('Binarizer', ['v'], {}, { domain: ml })],
  },
  CategoryMapper: {
    apart: [
      one('CategoryMapper', ['x'], { cats_int64s: [1, 2], cats_strings: ['w1', 'w2'] }, { domain: ml, type: 'string' }),
    ],
  },
  LabelEncoder: {
    apart: [
      one('LabelEncoder', ['x'], { keys_int64s: [1, 2], values_strings: ['a', 'b'] }, { domain: ml, type: 'int64' }),
    ],
  },
  Imputer: learned('Imputer', { imputed_value_floats: { floats: [1, 2, 3, 4] } }),
  Normalizer: learned('Normalizer', { norm: 'L2' }),
  Scaler: learned('Scaler', { offset: { floats: [1, 2, 3, 4] }, scale: { floats: [2, 2, 3, 3] } }),
  LinearClassifier: learned(
    'LinearClassifier',
    {
      classlabels_ints: [0, 1],
      coefficients: { floats: [1, 2, 3, 4, 4, 3, 2, 1] },
      intercepts: { floats: [1, 2] },
      post_transform: 'SOFTMAX',
    },
    both,
  ),
  LinearRegressor: learned('LinearRegressor', { coefficients: { floats: [1, 2, 3, 4] } }),
  SVMClassifier: learned('SVMClassifier', { ...support, classlabels_ints: [0, 1], vectors_per_class: [1, 1] }, both),
  SVMRegressor: learned('SVMRegressor', { ...support, n_supports: 2 }),
  TreeEnsembleClassifier: learned(
    'TreeEnsembleClassifier',
    { ...trees, ...leaves('class'), classlabels_int64s: [0, 1] },
    both,
  ),
  TreeEnsembleRegressor: learned('TreeEnsembleRegressor', { ...trees, ...leaves('target'), n_targets: 2 }),
  TreeEnsemble: {
    apart: [
      one(
        'TreeEnsemble',
        ['x'],
        {
          ...{
            n_targets: 2,
            tree_roots: [0],
            nodes_featureids: [1],
            nodes_modes: { type: 'uint8', sizes: [1], values: [0] },
          },
          ...{ nodes_splits: { sizes: [1], values: [0.5] }, nodes_trueleafs: [1], nodes_falseleafs: [1] },
          ...{ nodes_truenodeids: [0], nodes_falsenodeids: [1], leaf_targetids: [0, 1], leaf_weights: of(2) },
        },
        { domain: ml, mlOpset: 5 },
      ),
    ],
  },
  FeatureVectorizer: {
    apart: [one('FeatureVectorizer', ['x', 'x'], { inputdimensions: [4, 4] }, { domain: ml })],
    mixed: [withVector('FeatureVectorizer', ['v'], { inputdimensions: [5] }, { domain: ml })],
  },
  OneHotEncoder: {
    apart: [one('OneHotEncoder', ['x'], { cats_int64s: [0, 1, 2], zeros: 1 }, { domain: ml, type: 'int64' })],
  },
  ArrayFeatureExtractor: {
    apart: [
      one('ArrayFeatureExtractor', ['x', ints(2, 0)], {}, { domain: ml }),
      {
        entry: [1],
        type: 'int64',
        nodes: [
          { op: 'ArrayFeatureExtractor', domain: ml, inputs: [of(4), 'x'], outputs: ['lying'] },
          { op: 'Cast', inputs: ['lying'], outputs: ['cast'], attributes: { to: 6 } },
          { op: 'Reshape', inputs: ['cast', ints(-1)], outputs: ['y'] },
        ],
      },
    ],
    mixed: [
      withVector('ArrayFeatureExtractor', ['v', ints(0)], {}, { domain: ml }),
      one('ArrayFeatureExtractor', [of(4), 'x'], {}, { domain: ml, type: 'int64', entry: [1] }),
      one('ArrayFeatureExtractor', [of(2, 4), 'x'], {}, { domain: ml, type: 'int64', entry: [1] }),
    ],
  },
};

export const structural: Readonly<Record<string, OperatorCases>> = {
  ...selections,
  ...shapes,
  ...samples,
  ...machineLearning,
};
