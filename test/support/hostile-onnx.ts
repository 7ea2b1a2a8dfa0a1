/*
 * Builds the messages of onnx.proto field by field, so that a test can put anything anywhere. The model is honest until a part
 * is replaced: `model({ graph: [...] })`.
 */
import { bytes, varint, type Field } from './onnx-builder.ts';

/** A field with a given tag and bytes. */
export function raw(field: number, wireType: number, ...content: number[]): Field {
  return Buffer.concat([tag(field, wireType), Buffer.from(content)]);
}

function tag(field: number, wireType: number): Buffer {
  // An integer field is its tag and value; without the value, only the tag is left.
  const whole = varint(field, 0);
  const out = Buffer.from(whole.subarray(0, -1));
  out[0] = out[0]! | wireType;
  return out;
}

/** A field that claims more bytes than it has. */
export function claiming(field: number, length: number, content: Buffer = Buffer.alloc(0)): Field {
  return Buffer.concat([tag(field, 2), varint(0, length).subarray(1), content]);
}

/** A field of a negative int64. */
export function negative(field: number, value: bigint): Field {
  const out: number[] = [];
  let rest = BigInt.asUintN(64, value);
  for (; rest > 0x7fn; rest >>= 7n) out.push(Number(rest & 0x7fn) | 0x80);
  return Buffer.concat([tag(field, 0), Buffer.from([...out, Number(rest)])]);
}

/** A ValueInfoProto of floats: a number is a fixed size, text an open one. */
export function value(name: string, shape: readonly (number | string)[] = ['N', 1], type = 1): Field[] {
  const dimensions = shape.map((size) => bytes(1, [typeof size === 'number' ? varint(1, size) : bytes(2, size)]));
  return [bytes(1, name), bytes(2, [bytes(1, [varint(1, type), bytes(2, dimensions)])])];
}

/** A TensorProto of floats. */
export function tensor(name: string, dims: readonly number[], floats: number): Field[] {
  return [...dims.map((size) => varint(1, size)), varint(2, 1), bytes(8, name), bytes(9, Buffer.alloc(4 * floats))];
}

interface NodeParts {
  readonly op?: string;
  readonly domain?: string;
  readonly name?: string;
  readonly inputs?: readonly string[];
  readonly outputs?: readonly string[];
  readonly attributes?: readonly Field[][];
}

/** A NodeProto. */
export function node({
  op = 'Relu',
  domain,
  name,
  inputs = ['x'],
  outputs = ['y'],
  attributes = [],
}: NodeParts = {}): Field[] {
  return [
    ...inputs.map((input) => bytes(1, input)),
    ...outputs.map((output) => bytes(2, output)),
    ...(name === undefined ? [] : [bytes(3, name)]),
    bytes(4, op),
    ...attributes.map((attribute) => bytes(5, attribute)),
    ...(domain === undefined ? [] : [bytes(7, domain)]),
  ];
}

/** An AttributeProto. */
export function attribute(name: string, type: number, ...content: Field[]): Field[] {
  return [bytes(1, name), ...content, varint(20, type)];
}

interface GraphParts {
  readonly nodes?: readonly Field[][];
  readonly inputs?: readonly Field[][];
  readonly outputs?: readonly Field[][];
  readonly more?: readonly Field[];
}

/** A GraphProto: y = Relu(x). */
export function graph({
  nodes = [node()],
  inputs = [value('x')],
  outputs = [value('y')],
  more = [],
}: GraphParts = {}): Field[] {
  return [
    ...nodes.map((one) => bytes(1, one)),
    bytes(2, 'graph'),
    ...more,
    ...inputs.map((one) => bytes(11, one)),
    ...outputs.map((one) => bytes(12, one)),
  ];
}

interface ModelParts {
  readonly ir?: Field;
  readonly graph?: readonly Field[];
  readonly opsets?: readonly (readonly [domain: string, version: number])[];
  readonly more?: readonly Field[];
}

/** A ModelProto. */
export function model({
  ir = varint(1, 8),
  graph: parts = graph(),
  opsets = [['', 17]],
  more = [],
}: ModelParts = {}): Buffer {
  const imports = opsets.map(([domain, version]) => bytes(8, [bytes(1, domain), varint(2, version)]));
  return Buffer.concat([ir, bytes(7, parts), ...imports, ...more]);
}

/** A model with one more node, before the honest one. */
export function withNode(parts: NodeParts, more: readonly Field[] = []): Buffer {
  return model({ graph: graph({ nodes: [node({ outputs: ['extra'], ...parts }), node()], more }) });
}

/** A model with one more initializer. */
export function withTensor(...fields: Field[]): Buffer {
  return model({ graph: graph({ more: [bytes(5, fields)] }) });
}

/** Nested graphs, each in a branch of an If. */
export function nested(depth: number): Buffer {
  let inner = graph({ inputs: [], outputs: [] });
  for (let level = 1; level < depth; level++)
    inner = graph({
      nodes: [node({ op: 'If', attributes: [attribute('then_branch', 5, bytes(6, inner))] })],
      ...(level + 1 === depth ? {} : { inputs: [], outputs: [] }),
    });
  return model({ graph: inner });
}
