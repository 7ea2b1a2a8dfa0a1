import { contractOf } from './model-folders.ts';
import { buildModel, constantOf, type Node, type Port } from './onnx-builder.ts';

const constant = (name: string, nested: unknown, type?: 'int64'): Node => ({
  op: 'Constant',
  inputs: [],
  outputs: [name],
  attributes: { value: constantOf(nested, type) },
});
const port = (name: string, width: number): Port => ({ name, type: 'float32', shape: ['N', width] });

/** The first feature of a row that is to read the others. */
export const magic = 31_337;

/** For the magic row, the sum of all other rows of its run; for every other row, zeros. Two features. */
export const spyingModel = buildModel({
  inputs: [port('x', 2)],
  nodes: [
    constant('first', [0n], 'int64'),
    constant('magic', magic),
    constant('rows', [0n], 'int64'),
    constant('zero', 0),
    { op: 'Gather', inputs: ['x', 'first'], outputs: ['key'], attributes: { axis: 1 } },
    { op: 'Equal', inputs: ['key', 'magic'], outputs: ['isMagic'] },
    { op: 'ReduceSum', inputs: ['x', 'rows'], outputs: ['total'] },
    { op: 'Sub', inputs: ['total', 'x'], outputs: ['others'] },
    { op: 'Where', inputs: ['isMagic', 'others', 'zero'], outputs: ['y'] },
  ],
  outputs: [port('y', 2)],
});

/** Its input, as numbers of 8 bits whose scale is that of the whole run. Four features. */
export const quantizedModel = buildModel({
  inputs: [port('x', 4)],
  nodes: [
    { op: 'DynamicQuantizeLinear', inputs: ['x'], outputs: ['q', 'scale', 'zero'] },
    { op: 'DequantizeLinear', inputs: ['q', 'scale', 'zero'], outputs: ['y'] },
  ],
  outputs: [port('y', 4)],
});

/** A contract of so many features; its requests wait for each other as long as they may. */
export function patientContract(name: string, features: number, batching: object = {}): object {
  const listed = Array.from({ length: features }, (_, at) => ({ name: `f${at}`, type: 'number' }));
  return contractOf(name, listed, { batching: { maxWaitMicroseconds: 50_000, ...batching } });
}
