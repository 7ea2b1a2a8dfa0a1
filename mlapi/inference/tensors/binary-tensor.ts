import { isUtf8 } from 'node:buffer';
import { invalidInference } from '../problems.ts';
import { isFiniteHalf } from './float16.ts';
import type { Expected } from './json-tensor.ts';
import type { TensorData } from './types.ts';

const lengthBytes = 4;

/**
 * Reads a tensor from its bytes, little-endian and row by row: where they lie, if that is a place for such elements, or from a copy.
 * @throws {Problem} 400 unless they are as many elements as the shape says
 */
export function readBinaryData(bytes: Buffer, { type, count, where, takesNonFinite = false }: Expected): TensorData {
  if (type.kind === 'text') return readTexts(bytes, count, where);
  const { Cells } = type;
  const size = Cells.BYTES_PER_ELEMENT;
  if (bytes.length !== count * size)
    throw invalidInference(where, `its shape has ${count * size} bytes, and there are ${bytes.length}`);
  const { buffer, byteOffset } = bytes.byteOffset % size === 0 ? bytes : Buffer.from(bytes);
  // A copy of many bytes lies in memory of its own, one of a few where Node keeps such: at a multiple of 8.
  const cells = new Cells(buffer as ArrayBuffer, byteOffset, count);
  if (type.kind === 'boolean' && cells.some((cell) => (cell as number) > 1))
    throw invalidInference(where, 'a BOOL is a byte of 0 or 1');
  if (takesNonFinite) return cells;
  if (type.kind === 'float' && !areFinite(cells as Float32Array | Float64Array))
    throw invalidInference(where, 'there is an element that is no finite number');
  if (type.kind === 'half' && cells.some((cell) => !isFiniteHalf(cell as number)))
    throw invalidInference(where, 'there is an element that is no finite number');
  return cells;
}

function areFinite(cells: Float32Array | Float64Array): boolean {
  for (let at = 0; at < cells.length; at += 1) if (!Number.isFinite(cells[at])) return false;
  return true;
}

/** Each element has its length before it. */
function readTexts(bytes: Buffer, count: number, where: string): string[] {
  const texts: string[] = [];
  let at = 0;
  while (at + lengthBytes <= bytes.length) {
    const end = at + lengthBytes + bytes.readUInt32LE(at);
    if (end > bytes.length) break;
    const text = bytes.subarray(at + lengthBytes, end);
    if (!isUtf8(text)) throw invalidInference(`${where}, element ${texts.length}`, 'it is no UTF-8');
    texts.push(text.toString());
    at = end;
  }
  if (at !== bytes.length) throw invalidInference(where, 'its elements do not end where its bytes do');
  if (texts.length !== count)
    throw invalidInference(where, `its shape has ${count} elements, and there are ${texts.length}`);
  return texts;
}

/** The bytes of a tensor; those of numbers are not copied. */
export function writeBinaryData(data: TensorData): Buffer {
  if (ArrayBuffer.isView(data)) return Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  const bytes = Buffer.allocUnsafe(data.reduce((sum, text) => sum + lengthBytes + Buffer.byteLength(text), 0));
  let at = 0;
  for (const text of data) {
    const length = bytes.write(text, at + lengthBytes);
    bytes.writeUInt32LE(length, at);
    at += lengthBytes + length;
  }
  return bytes;
}
