import { contractOf, type ModelFolder } from '../support/model-folders.ts';
import { buildModel, identityModel, type ElementType, type Port } from '../support/onnx-builder.ts';

const numbers = (count: number) => Array.from({ length: count }, (_, index) => ({ name: `f${index}`, type: 'number' }));
const identity = (name: string, type: ElementType): ModelFolder => {
  return { onnx: identityModel(2, type), contract: contractOf(name, numbers(2)) };
};

/** A model of each datatype, one with labels, one with a category, and one with several outputs. */
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

/** The runtime's names for the datatypes of the protocol. */
export const elementTypes: Readonly<Record<string, ElementType>> = {
  ...{ BOOL: 'bool', UINT8: 'uint8', UINT16: 'uint16', UINT32: 'uint32', UINT64: 'uint64' },
  ...{ INT8: 'int8', INT16: 'int16', INT32: 'int32', INT64: 'int64' },
  ...{ FP16: 'float16', FP32: 'float32', FP64: 'float64', BYTES: 'string' },
};

/** Returns each input as the output of the same name in upper case. */
export function echoModel(inputs: readonly Port[]): Buffer {
  const answered = ({ name }: Port) => name.toUpperCase();
  return buildModel({
    inputs,
    nodes: inputs.map((input) => ({ op: 'Identity', inputs: [input.name], outputs: [answered(input)] })),
    outputs: inputs.map((input) => ({ ...input, name: answered(input) })),
  });
}

const echo = (name: string, inputs: readonly Port[]): ModelFolder => {
  return { onnx: echoModel(inputs), contract: { name, executor: 'inline' } };
};

/** Counts from one number to another in steps; it fails for a step of zero. */
export const rangeModel = buildModel({
  inputs: ['from', 'to', 'step'].map((name) => ({ name, type: 'int64', shape: [] })),
  nodes: [{ op: 'Range', inputs: ['from', 'to', 'step'], outputs: ['y'] }],
  outputs: [{ name: 'y', type: 'int64', shape: ['M'] }],
});

/** An inference request for it. */
export function rangeRequest(step: number) {
  const scalar = (name: string, value: number) => ({ name, datatype: 'INT64', shape: [], data: [value] });
  return { inputs: [scalar('from', 0), scalar('to', 3), scalar('step', step)] };
}

/** Models without rows: one of each datatype with three dimensions, others with none, one and four, and one with two inputs. */
export const tensorModels: Readonly<Record<string, ModelFolder>> = {
  ...Object.fromEntries(
    Object.entries(elementTypes).map(([datatype, type]): [string, ModelFolder] => {
      const name = `any-${datatype.toLowerCase()}`;
      return [name, echo(name, [{ name: 'x', type, shape: ['N', 1, 2] }])];
    }),
  ),
  scalar: echo('scalar', [{ name: 'x', type: 'float64', shape: [] }]),
  vector: echo('vector', [{ name: 'x', type: 'uint64', shape: ['N'] }]),
  image: echo('image', [{ name: 'x', type: 'uint8', shape: [1, 'H', 'W', 3] }]),
  words: echo('words', [{ name: 'x', type: 'int64', shape: ['N', 'T'] }]),
  two: echo('two', [
    { name: 'text', type: 'string', shape: ['N'] },
    { name: 'mask', type: 'bool', shape: ['N', 2] },
  ]),
};
