/*
 * Builds tiny ONNX models in memory from the few messages of onnx.proto that tests need.
 * A message is a list of fields; a field has a number, a wire type and a value (protobuf encoding).
 */
export type Field = Buffer;

const elementTypes = {
  ...{ float32: 1, uint8: 2, int8: 3, uint16: 4, int16: 5, int32: 6, int64: 7, string: 8 },
  ...{ bool: 9, float16: 10, float64: 11, uint32: 12, uint64: 13, bfloat16: 16 },
};

export type ElementType = keyof typeof elementTypes;
type Shape = readonly (number | string)[];
type Value = number | bigint | string;

/** A named input or output; its shape is optional. */
export interface Port {
  readonly name: string;
  readonly type: ElementType;
  readonly shape?: Shape;
}

/** A constant: its shape and its values, row by row. */
export interface Constant {
  readonly type: ElementType;
  readonly shape: readonly number[];
  readonly values: readonly Value[];
}

export interface Node {
  readonly op: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes?: Readonly<Record<string, number | Constant>>;
}

interface Graph {
  readonly inputs: readonly Port[];
  readonly nodes: readonly Node[];
  readonly outputs: readonly Port[];
}

export function buildModel({ inputs, nodes, outputs }: Graph): Buffer {
  const graph = [
    ...nodes.map((node) => bytes(1, nodeOf(node))),
    bytes(2, 'graph'),
    ...inputs.map((port) => bytes(11, valueInfo(port))),
    ...outputs.map((port) => bytes(12, valueInfo(port))),
  ];
  const opset = [bytes(1, ''), varint(2, 17)];
  return Buffer.concat([varint(1, 8), bytes(7, graph), bytes(8, opset)]);
}

/** Returns its input. `rows` is 1 for a model of one row at a time. */
export function identityModel(width: number, type: ElementType = 'float32', rows: number | string = 'N'): Buffer {
  return buildModel({
    inputs: [{ name: 'x', type, shape: [rows, width] }],
    nodes: [{ op: 'Identity', inputs: ['x'], outputs: ['y'] }],
    outputs: [{ name: 'y', type, shape: [rows, width] }],
  });
}

/** Returns the constant, whatever its input of one feature. */
export function constantModel(constant: Constant, rows: number | string = 'N'): Buffer {
  return buildModel({
    inputs: [{ name: 'x', type: 'float32', shape: [rows, 1] }],
    nodes: [{ op: 'Constant', inputs: [], outputs: ['y'], attributes: { value: constant } }],
    outputs: [{ name: 'y', type: constant.type, shape: constant.shape }],
  });
}

/** Returns the constant whose index is in its rows of one feature, which are all equal. */
export function switchModel(constants: readonly Constant[], rows: number | string = 'N'): Buffer {
  const names = constants.map((_, index) => `c${index}`);
  return buildModel({
    inputs: [{ name: 'x', type: 'float32', shape: [rows, 1] }],
    nodes: [
      ...constants.map((value, index): Node => {
        return { op: 'Constant', inputs: [], outputs: [names[index]!], attributes: { value } };
      }),
      { op: 'ReduceMax', inputs: ['x'], outputs: ['max'], attributes: { keepdims: 0 } },
      { op: 'Cast', inputs: ['max'], outputs: ['index'], attributes: { to: elementTypes.int64 } },
      { op: 'SequenceConstruct', inputs: names, outputs: ['all'] },
      { op: 'SequenceAt', inputs: ['all', 'index'], outputs: ['y'] },
    ],
    outputs: [{ name: 'y', type: constants[0]!.type }],
  });
}

/** The constant of a nested list: `[[0.6, 0.4]]` is one row of two columns; "NaN" is allowed as a number. */
export function constantOf(nested: unknown, type: ElementType = 'float32'): Constant {
  const shape: number[] = [];
  for (let level = nested; Array.isArray(level); level = level[0] as unknown) shape.push(level.length);
  const values = (Array.isArray(nested) ? nested.flat(Infinity) : [nested]) as Value[];
  return { type, shape, values: values.map((value) => (value === 'NaN' ? NaN : value)) };
}

function nodeOf({ op, inputs, outputs, attributes = {} }: Node): Field[] {
  return [
    ...inputs.map((name) => bytes(1, name)),
    ...outputs.map((name) => bytes(2, name)),
    bytes(4, op),
    ...Object.entries(attributes).map(([name, value]) => bytes(5, attribute(name, value))),
  ];
}

function attribute(name: string, value: number | Constant): Field[] {
  const isInteger = typeof value === 'number';
  const content = isInteger ? varint(3, value) : bytes(5, tensor(value));
  return [bytes(1, name), content, varint(20, isInteger ? 2 : 4)];
}

function tensor({ type, shape, values }: Constant): Field[] {
  const head = [...shape.map((size) => varint(1, size)), varint(2, elementTypes[type])];
  return [
    ...head,
    ...(type === 'string' ? values.map((value) => bytes(6, String(value))) : [bytes(9, raw(type, values))]),
  ];
}

function raw(type: ElementType, values: readonly Value[]): Buffer {
  switch (type) {
    case 'float32':
      return Buffer.from(Float32Array.from(values, Number).buffer);
    case 'float64':
      return Buffer.from(Float64Array.from(values, Number).buffer);
    case 'int32':
      return Buffer.from(Int32Array.from(values, Number).buffer);
    case 'int64':
      return Buffer.from(BigInt64Array.from(values, BigInt).buffer);
    default:
      throw new Error(`no constants of ${type}`);
  }
}

function valueInfo({ name, type, shape }: Port): Field[] {
  const dimensions = shape?.map((size) => bytes(1, [typeof size === 'number' ? varint(1, size) : bytes(2, size)]));
  const tensorType = [varint(1, elementTypes[type]), ...(dimensions === undefined ? [] : [bytes(2, dimensions)])];
  return [bytes(1, name), bytes(2, [bytes(1, tensorType)])];
}

/** A field of text, bytes or a message. */
export function bytes(field: number, content: string | Buffer | readonly Field[]): Field {
  const body = Array.isArray(content) ? Buffer.concat(content) : Buffer.from(content as string);
  return Buffer.concat([number((field << 3) | 2), number(body.length), body]);
}

/** A field of an unsigned integer. */
export function varint(field: number, value: number): Field {
  return Buffer.concat([number(field << 3), number(value)]);
}

function number(value: number): Buffer {
  const out: number[] = [];
  let rest = value;
  for (; rest > 0x7f; rest = Math.floor(rest / 128)) out.push((rest & 0x7f) | 0x80);
  return Buffer.from([...out, rest]);
}
