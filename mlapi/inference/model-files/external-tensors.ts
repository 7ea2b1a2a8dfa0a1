import { WireFile, type WireField } from './wire-file.ts';

/** A tensor whose values are in another file than the model's (ONNX, "External Data"). */
export interface ExternalTensor {
  readonly name: string;
  /** The path that the model gives, as it is written there: not checked yet. */
  readonly location: string;
  /** In bytes. */
  readonly offset: number;
  /** In bytes; undefined: as much as the tensor's shape needs. */
  readonly length: number | undefined;
}

/** The fields of onnx.proto that lead to tensors, by message and number. Every other field is passed over. */
const paths: Readonly<Record<string, Readonly<Record<number, string>>>> = {
  model: { 7: 'graph', 20: 'training', 25: 'function' },
  training: { 1: 'graph', 2: 'graph' },
  graph: { 1: 'node', 5: 'tensor', 15: 'sparse' },
  function: { 7: 'node', 11: 'attribute' },
  node: { 5: 'attribute' },
  attribute: { 5: 'tensor', 6: 'graph', 10: 'tensor', 11: 'graph', 22: 'sparse', 23: 'sparse' },
  sparse: { 1: 'tensor', 2: 'tensor' },
};
const tensorFields = { name: 8, externalData: 13, dataLocation: 14 };
/** TensorProto.DataLocation */
const external = 1;
/** The runtime's own parser goes 100 deep. */
const maxLevels = 100;
const numberOfBytes = /^\d{1,15}$/;

/**
 * Lists the tensors of a model file that keep their values in other files; the weights in the file are not read.
 * @throws {Error} if one has no valid place, or is no initializer of the main graph: the runtime takes data for those alone
 */
export function listExternalTensors(model: Buffer): ExternalTensor[] {
  const file = new WireFile(model);
  const found: ExternalTensor[] = [];
  const walk = (message: string, fields: Iterable<WireField>, way: string): void => {
    if (way.length > maxLevels * 2) throw new Error(`the model is nested more than ${maxLevels} levels deep`);
    for (const field of fields) {
      const inner = paths[message]![field.number];
      if (inner === undefined) continue;
      const innerWay = `${way}/${field.number}`;
      if (inner !== 'tensor') walk(inner, file.message(field), innerWay);
      else found.push(...externalTensor(file, field, innerWay));
    }
  };
  walk('model', file.read(0, file.size), '');
  return found;
}

const mainInitializer = '/7/5';

function externalTensor(file: WireFile, tensor: WireField, way: string): ExternalTensor[] {
  const fields = [...file.message(tensor)];
  if (last(fields, tensorFields.dataLocation)?.value !== external) return [];
  const named = last(fields, tensorFields.name);
  const name = named === undefined ? '' : file.text(named);
  const shown = `the tensor ${JSON.stringify(name.slice(0, 64))}`;
  if (way !== mainInitializer)
    throw new Error(`${shown} is no initializer of the main graph, and has external data; save it in the model file`);
  const entries = fields.filter(({ number }) => number === tensorFields.externalData);
  return [{ name, ...placeOf(readEntries(file, entries), shown) }];
}

/** The last field of a number counts, as for every protobuf parser. */
function last(fields: readonly WireField[], number: number): WireField | undefined {
  return fields.findLast((field) => field.number === number);
}

function placeOf(entries: Readonly<Record<string, string>>, shown: string): Omit<ExternalTensor, 'name'> {
  const { location, offset = '0', length } = entries;
  const known = ['location', 'offset', 'length', 'checksum'];
  const unknown = Object.keys(entries).find((key) => !known.includes(key));
  if (unknown !== undefined) throw new Error(`${shown} has external data with the key ${JSON.stringify(unknown)}`);
  if (location === undefined || location === '') throw new Error(`${shown} has external data, and no location of it`);
  if (!numberOfBytes.test(offset) || (length !== undefined && !numberOfBytes.test(length)))
    throw new Error(`${shown} has external data whose offset or length is no number of bytes`);
  return { location, offset: Number(offset), length: length === undefined ? undefined : Number(length) };
}

/** Those of StringStringEntryProto, each once. */
function readEntries(file: WireFile, fields: readonly WireField[]): Readonly<Record<string, string>> {
  const entries = new Map<string, string>();
  for (const field of fields) {
    const texts = ['', '', ''];
    for (const part of file.message(field))
      if (part.number === 1 || part.number === 2) texts[part.number] = file.text(part);
    if (entries.has(texts[1]!)) throw new Error('external data has a key twice');
    entries.set(texts[1]!, texts[2]!);
  }
  return Object.fromEntries(entries);
}
