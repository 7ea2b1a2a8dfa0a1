import { WireFile, type WireField } from './wire-file.ts';

/** A tensor whose values are stored outside the model file (ONNX, "External Data"). */
export interface ExternalTensor {
  readonly name: string;
  /** Path as written in the model; not validated. */
  readonly location: string;
  /** In bytes. */
  readonly offset: number;
  /** In bytes; undefined: as many as the tensor's shape needs. */
  readonly length: number | undefined;
}

/** The fields of onnx.proto that lead to tensors, by message and field number. Other fields are skipped. */
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
/** TensorProto.DataLocation.EXTERNAL */
const external = 1;
/** Limit of the runtime's own parser. */
const maxLevels = 100;
const numberOfBytes = /^\d{1,15}$/;

/**
 * Lists the tensors of a model that are stored in other files, without reading the weights in the model file.
 * @throws {Error} if a tensor has no valid location, or is not an initializer of the main graph: the runtime supports no others
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
    throw new Error(
      `${shown} has external data but is not an initializer of the main graph: save it in the model file`,
    );
  const entries = fields.filter(({ number }) => number === tensorFields.externalData);
  return [{ name, ...placeOf(readEntries(file, entries), shown) }];
}

/** The last field of a number counts, as in every protobuf parser. */
function last(fields: readonly WireField[], number: number): WireField | undefined {
  return fields.findLast((field) => field.number === number);
}

function placeOf(entries: Readonly<Record<string, string>>, shown: string): Omit<ExternalTensor, 'name'> {
  const { location, offset = '0', length } = entries;
  const known = ['location', 'offset', 'length', 'checksum'];
  const unknown = Object.keys(entries).find((key) => !known.includes(key));
  if (unknown !== undefined) throw new Error(`${shown} has external data with the key ${JSON.stringify(unknown)}`);
  if (location === undefined || location === '') throw new Error(`${shown} has external data without a location`);
  if (!numberOfBytes.test(offset) || (length !== undefined && !numberOfBytes.test(length)))
    throw new Error(`${shown} has external data with an invalid offset or length`);
  return { location, offset: Number(offset), length: length === undefined ? undefined : Number(length) };
}

/** Reads StringStringEntryProto messages; keys must be unique. */
function readEntries(file: WireFile, fields: readonly WireField[]): Readonly<Record<string, string>> {
  const entries = new Map<string, string>();
  for (const field of fields) {
    const texts = ['', '', ''];
    for (const part of file.message(field))
      if (part.number === 1 || part.number === 2) texts[part.number] = file.text(part);
    if (entries.has(texts[1]!)) throw new Error('external data repeats a key');
    entries.set(texts[1]!, texts[2]!);
  }
  return Object.fromEntries(entries);
}
