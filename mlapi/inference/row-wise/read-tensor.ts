import { UnreadableModel, type WireField, type WireFile } from '../model-files/wire-file.ts';
import type { GraphTensor } from './graph.ts';

/** Most values that are kept: rules need those of shapes, axes and paddings, which are short. */
const maxNumbers = 64;
const maxRank = 64;

/** Field numbers of TensorProto. */
const numberOf = { dims: 1, type: 2, floats: 4, int32s: 5, int64s: 7, name: 8, raw: 9, external: 13, location: 14 };

const valueFields: readonly number[] = [numberOf.floats, numberOf.int32s, numberOf.int64s, numberOf.raw];

/** Layout of `raw_data` by element type number. */
const rawReaders: Readonly<Record<number, { bytes: number; read: (bytes: Buffer, at: number) => number }>> = {
  1: { bytes: 4, read: (bytes, at) => bytes.readFloatLE(at) },
  2: { bytes: 1, read: (bytes, at) => bytes.readUInt8(at) },
  3: { bytes: 1, read: (bytes, at) => bytes.readInt8(at) },
  6: { bytes: 4, read: (bytes, at) => bytes.readInt32LE(at) },
  7: { bytes: 8, read: (bytes, at) => Number(bytes.readBigInt64LE(at)) },
  9: { bytes: 1, read: (bytes, at) => bytes.readUInt8(at) },
};

/** Reads a TensorProto, with its values only if there are few. @throws {UnreadableModel} */
export function readTensor(file: WireFile, field: WireField): GraphTensor {
  const sizes: number[] = [];
  const data: WireField[] = [];
  let name = '';
  let type = 0;
  let isElsewhere = false;
  for (const part of file.message(field)) {
    if (part.number === numberOf.dims) for (const size of file.integers(part)) addSize(sizes, size);
    else if (part.number === numberOf.type) type = file.integer(part);
    else if (part.number === numberOf.name) name = file.text(part);
    else if (part.number === numberOf.external || part.number === numberOf.location) isElsewhere = true;
    else if (valueFields.includes(part.number) && data.length <= maxNumbers) data.push(part);
  }
  const count = sizes.reduce((product, size) => product * size, 1);
  const numbers = isElsewhere || count > maxNumbers ? undefined : readNumbers(file, type, data);
  return { name, sizes, numbers: numbers?.length === count ? numbers : undefined };
}

function addSize(sizes: number[], size: number): void {
  if (size < 0 || sizes.length === maxRank) throw new UnreadableModel('a tensor has an invalid shape');
  sizes.push(size);
}

/** Undefined if the values have another type or are spread over several fields. */
function readNumbers(file: WireFile, type: number, data: readonly WireField[]): number[] | undefined {
  const [first] = data;
  if (first === undefined) return [];
  if (data.some(({ number }) => number !== first.number)) return undefined;
  if (first.number === numberOf.raw) {
    const reader = rawReaders[type];
    if (reader === undefined || data.length > 1 || first.end - first.start > 8 * maxNumbers) return undefined;
    const bytes = file.bytes(first.start, first.end);
    return Array.from({ length: Math.floor(bytes.length / reader.bytes) }, (_, at) =>
      reader.read(bytes, at * reader.bytes),
    );
  }
  if (first.number === numberOf.floats || data.some(({ start, end }) => end - start > 10 * maxNumbers))
    return undefined;
  return data.flatMap((part) => [...file.integers(part)]);
}
