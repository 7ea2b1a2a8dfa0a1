import { buildModel, constantOf } from './onnx-builder.ts';
import { contractOf, type ModelFolder } from './model-folders.ts';

const products = 10;

/**
 * Returns its one feature after multiplying square matrices whose size is the largest value of the batch, so the caller sets the run
 * time, which grows with the third power: 700 takes about 0.1 s, 4,000 half a minute.
 */
function slowModel(): Buffer {
  const names = Array.from({ length: products + 1 }, (_, index) => `m${index}`);
  const multiply = names.slice(1).map((output, index) => {
    return { op: 'MatMul', inputs: [names[index]!, 'm0'], outputs: [output] };
  });
  return buildModel({
    inputs: [{ name: 'x', type: 'float32', shape: ['N', 1] }],
    nodes: [
      { op: 'Constant', inputs: [], outputs: ['one'], attributes: { value: constantOf(1) } },
      { op: 'Constant', inputs: [], outputs: ['flat'], attributes: { value: constantOf([1n], 'int64') } },
      { op: 'ReduceMax', inputs: ['x'], outputs: ['max'], attributes: { keepdims: 0 } },
      { op: 'Add', inputs: ['max', 'one'], outputs: ['size'] },
      { op: 'Cast', inputs: ['size'], outputs: ['whole'], attributes: { to: 7 } },
      { op: 'Reshape', inputs: ['whole', 'flat'], outputs: ['side'] },
      { op: 'Concat', inputs: ['side', 'side'], outputs: ['square'], attributes: { axis: 0 } },
      { op: 'ConstantOfShape', inputs: ['square'], outputs: ['m0'] },
      ...multiply,
      { op: 'ReduceMax', inputs: [names.at(-1)!], outputs: ['zero'], attributes: { keepdims: 0 } },
      { op: 'Add', inputs: ['x', 'zero'], outputs: ['y'] },
    ],
    outputs: [{ name: 'y', type: 'float32', shape: ['N', 1] }],
  });
}

const onnx = slowModel();

/** A folder with this model; its sample is 0, which takes no time. */
export function slowFolder(more: object = {}, sample?: number): ModelFolder {
  const contract = contractOf('m', [{ name: 'a', type: 'number' }], more);
  if (sample === undefined) return { onnx, contract };
  return { onnx, contract: { ...contract, sample: 'sample.json' }, sample: { a: sample } };
}
