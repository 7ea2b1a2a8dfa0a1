/* Models of one operator, to compare a proof about it with what the runtime computes. */
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { negative } from './hostile-onnx.ts';
import { bytes, varint, type Field } from './onnx-builder.ts';

const elementTypes = { float32: 1, uint8: 2, int8: 3, int32: 6, int64: 7, string: 8, bool: 9 } as const;
type ElementType = keyof typeof elementTypes;

/** A constant of these sizes. By default its values are small and all different. */
export interface Initializer {
  readonly type?: ElementType;
  readonly sizes: readonly number[];
  readonly values?: readonly (number | string)[];
}

/** A number is an integer; `{ floats }` and lists declare their type. */
export type AttributeValue =
  number | string | readonly number[] | readonly string[] | { readonly floats: readonly number[] } | Initializer;

export interface OperatorNode {
  readonly op: string;
  readonly domain?: string;
  /** Names of values, or constants; an empty name omits an input. */
  readonly inputs: readonly (string | Initializer)[];
  readonly outputs: readonly string[];
  readonly attributes?: Readonly<Record<string, AttributeValue>>;
}

export interface OperatorModel {
  /** The shape of one row of `x`; `[4]` by default. */
  readonly entry?: readonly number[];
  readonly type?: 'float32' | 'uint8' | 'int8' | 'int32' | 'int64' | 'string' | 'bool';
  readonly nodes: readonly OperatorNode[];
  /** The name of the output, of any type. */
  readonly output?: string;
  readonly opset?: number;
  readonly mlOpset?: number;
}

export function writeOperatorModel({
  entry = [4],
  type = 'float32',
  nodes,
  output = 'y',
  opset = 20,
  mlOpset = 3,
}: OperatorModel): Buffer {
  const initializers: Field[] = [];
  const written = nodes.map(({ op, domain = '', inputs, outputs, attributes = {} }, at) => {
    const names = inputs.map((input) => {
      if (typeof input === 'string') return input;
      const name = `constant${initializers.length}`;
      initializers.push(bytes(5, tensor(input, name)));
      return name;
    });
    return bytes(1, [
      ...names.map((name) => bytes(1, name)),
      ...outputs.map((name) => bytes(2, name)),
      bytes(3, `node ${at}`),
      bytes(4, op),
      ...Object.entries(attributes).map(([name, value]) => bytes(5, attribute(name, value))),
      bytes(7, domain),
    ]);
  });
  const dimensions = ['N', ...entry].map((size) =>
    bytes(1, [typeof size === 'number' ? varint(1, size) : bytes(2, size)]),
  );
  const input = [bytes(1, 'x'), bytes(2, [bytes(1, [varint(1, elementTypes[type]), bytes(2, dimensions)])])];
  const graph = [...written, bytes(2, 'graph'), ...initializers, bytes(11, input), bytes(12, [bytes(1, output)])];
  const sets = [
    ['', opset],
    ['ai.onnx.ml', mlOpset],
  ] as const;
  const imports = sets.map(([domain, version]) => bytes(8, [bytes(1, domain), varint(2, version)]));
  return Buffer.concat([varint(1, 8), bytes(7, graph), ...imports]);
}

/** Some rows for such a model, all different. */
export function rowsFor({ entry = [4], type = 'float32' }: OperatorModel, rows: number, seed = 1): Tensor {
  const count = rows * entry.reduce((product, size) => product * size, 1);
  const at = (index: number) => (((index + seed) * 7_919) % 23) - 8;
  const list = Array.from({ length: count }, (_, index) => at(index));
  const dims = [rows, ...entry];
  switch (type) {
    case 'string':
      return new Tensor(
        'string',
        list.map((value) => `w${Math.abs(value) % 3}`),
        dims,
      );
    case 'bool':
      return new Tensor(
        'bool',
        list.map((value) => value % 2 === 0),
        dims,
      );
    case 'int64':
      return new Tensor(
        'int64',
        BigInt64Array.from(list, (value) => BigInt(Math.abs(value) % 4)),
        dims,
      );
    case 'float32':
      return new Tensor(
        'float32',
        Float32Array.from(list, (value) => value / 4),
        dims,
      );
    case 'int32':
      return new Tensor('int32', Int32Array.from(list, Math.abs), dims);
    case 'uint8':
      return new Tensor('uint8', Uint8Array.from(list, Math.abs), dims);
    default:
      return new Tensor('int8', Int8Array.from(list), dims);
  }
}

export interface RowOutputs {
  /** Sizes and values by row, from one run of all rows. */
  readonly together: readonly (readonly unknown[])[];
  /** The same from one run per row. */
  readonly alone: readonly (readonly unknown[])[];
}

/** Runs the rows together, and each alone. @throws the runtime's error */
export async function runRows(onnx: Uint8Array, x: Tensor, output = 'y'): Promise<RowOutputs> {
  const session = await InferenceSession.create(onnx, {
    graphOptimizationLevel: 'all',
    intraOpNumThreads: 1,
    logSeverityLevel: 4,
  });
  try {
    const run = async (input: Tensor) => (await session.run({ x: input }, [output]))[output]!;
    const [rows = 0, ...entry] = x.dims;
    const size = entry.reduce((product, each) => product * each, 1);
    const all = await run(x);
    const alone: unknown[][] = [];
    for (let row = 0; row < rows; row += 1) {
      const data = (x.data as Float32Array).slice(row * size, (row + 1) * size);
      alone.push(entriesOf(await run(new Tensor(x.type, data, [1, ...entry])), 1)[0]!);
    }
    return { together: entriesOf(all, rows), alone };
  } finally {
    await session.release();
  }
}

function entriesOf({ dims, data }: Tensor, rows: number): unknown[][] {
  if (dims[0] !== rows) throw new Error(`an output of [${dims.join(', ')}] for ${rows} rows`);
  const values = Array.from(data as ArrayLike<unknown>);
  const size = values.length / rows;
  return Array.from({ length: rows }, (_, row) => [
    dims.slice(1).join(),
    ...values.slice(row * size, (row + 1) * size).map((value) => (typeof value === 'bigint' ? Number(value) : value)),
  ]);
}

function attribute(name: string, value: AttributeValue): Field[] {
  const typed = (type: number, ...content: Field[]) => [bytes(1, name), ...content, varint(20, type)];
  if (typeof value === 'number') return typed(2, integer(3, value));
  if (typeof value === 'string') return typed(3, bytes(4, value));
  if ('floats' in value) return typed(6, bytes(7, Buffer.from(Float32Array.from(value.floats).buffer)));
  if ('sizes' in value) return typed(4, bytes(5, tensor(value, '')));
  if (value.length > 0 && value.every((each) => typeof each === 'string'))
    return typed(8, ...value.map((each) => bytes(9, each)));
  return typed(7, ...(value as readonly number[]).map((each) => integer(8, each)));
}

function integer(field: number, value: number): Field {
  return value < 0 ? negative(field, BigInt(value)) : varint(field, value);
}

function tensor({ type = 'float32', sizes, values }: Initializer, name: string): Field[] {
  const count = sizes.reduce((product, size) => product * size, 1);
  const list = values ?? Array.from({ length: count }, (_, index) => (((index + 3) * 31) % 11) / 4 + 0.5);
  const head = [...sizes.map((size) => varint(1, size)), varint(2, elementTypes[type]), bytes(8, name)];
  if (type === 'string') return [...head, ...list.map((value) => bytes(6, String(value)))];
  return [...head, bytes(9, raw(type, list.map(Number)))];
}

function raw(type: ElementType, values: readonly number[]): Buffer {
  if (type === 'int64') return Buffer.from(BigInt64Array.from(values, (value) => BigInt(value)).buffer);
  if (type === 'int32') return Buffer.from(Int32Array.from(values).buffer);
  if (type === 'float32') return Buffer.from(Float32Array.from(values).buffer);
  return Buffer.from(Int8Array.from(values).buffer);
}
