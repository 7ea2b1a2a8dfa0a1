import { buildModel } from './onnx-builder.ts';

/** Sums as many zeros as the largest value of the batch says, four bytes each, which its process does not give back. */
export function growingModel(): Buffer {
  const int64 = 7;
  return buildModel({
    inputs: [{ name: 'x', type: 'float32', shape: ['N', 1] }],
    nodes: [
      { op: 'ReduceMax', inputs: ['x'], outputs: ['max'], attributes: { keepdims: 0 } },
      { op: 'Cast', inputs: ['max'], outputs: ['count'], attributes: { to: int64 } },
      {
        op: 'Constant',
        inputs: [],
        outputs: ['one'],
        attributes: { value: { type: 'int64', shape: [1], values: [1n] } },
      },
      { op: 'Reshape', inputs: ['count', 'one'], outputs: ['length'] },
      { op: 'ConstantOfShape', inputs: ['length'], outputs: ['zeros'] },
      { op: 'ReduceSum', inputs: ['zeros'], outputs: ['sum'], attributes: { keepdims: 0 } },
      { op: 'Add', inputs: ['x', 'sum'], outputs: ['y'] },
    ],
    outputs: [{ name: 'y', type: 'float32', shape: ['N', 1] }],
  });
}
