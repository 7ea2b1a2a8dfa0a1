import { contractOf, type ModelFolder } from '../support/model-folders.ts';
import { buildModel, identityModel, type ElementType } from '../support/onnx-builder.ts';

const numbers = (count: number) => Array.from({ length: count }, (_, index) => ({ name: `f${index}`, type: 'number' }));
const identity = (name: string, type: ElementType): ModelFolder => {
  return { onnx: identityModel(2, type), contract: contractOf(name, numbers(2)) };
};

/** A model of each datatype that the service serves, one with labels, one with a category, and one of several outputs. */
export const oipModels: Readonly<Record<string, ModelFolder>> = {
  fp32: identity('fp32', 'float32'),
  fp64: identity('fp64', 'float64'),
  int32: identity('int32', 'int32'),
  int64: identity('int64', 'int64'),
  classes: {
    onnx: identityModel(3),
    contract: contractOf('classes', numbers(3), {
      output: { kind: 'class_scores', scores: 'per-class', labels: ['ant', 'cat', 'dog'] },
    }),
  },
  rows: {
    onnx: identityModel(2),
    contract: contractOf(
      'rows',
      [
        { name: 'protocol', type: 'category' },
        { name: 'size', type: 'integer', min: 0 },
      ],
      { encoding: 'encoding.csv' },
    ),
    encoding: [
      ['column', 'name', 'category', 'encoding'],
      [0, 'protocol', 'tcp', 6],
      [0, 'protocol', 'udp', 17],
    ],
  },
  many: {
    onnx: buildModel({
      inputs: [{ name: 'x', type: 'float32', shape: ['N', 1] }],
      nodes: [
        { op: 'Identity', inputs: ['x'], outputs: ['y'] },
        { op: 'Cast', inputs: ['x'], outputs: ['text'], attributes: { to: 8 } },
        { op: 'Cast', inputs: ['x'], outputs: ['half'], attributes: { to: 10 } },
        { op: 'Log', inputs: ['x'], outputs: ['log'] },
      ],
      outputs: [
        { name: 'y', type: 'float32', shape: ['N', 1] },
        { name: 'text', type: 'string', shape: ['N', 1] },
        { name: 'half', type: 'float16', shape: ['N', 1] },
        { name: 'log', type: 'float32', shape: ['N', 1] },
      ],
    }),
    contract: contractOf('many', numbers(1)),
  },
};
