import { isUtf8 } from 'node:buffer';
import { invalidInference } from '../problems.ts';
import { isFiniteHalf } from './float16.ts';
import type { Expected } from './json-tensor.ts';
import type { TensorData } from './types.ts';

const lengthBytes = 4;

/**
 * Reads a tensor from its bytes, little-endian in row-major order. The result is a view of the bytes if they are aligned, otherwise a copy.
 * @throws {Problem} 400 unless the number of elements matches the shape
 */
export function readBinaryData(bytes: Buffer, { type, count, where, takesNonFinite = false }: Expected): TensorData {
  if (type.kind === 'text') return readTexts(bytes, count, where);
  const { Cells } = type;
  const size = Cells.BYTES_PER_ELEMENT;
  if (bytes.length !== count * size)
    throw invalidInference(where, `the shape needs ${count * size} bytes, got ${bytes.length}`);
  const { buffer, byteOffset } = bytes.byteOffset % size === 0 ? bytes : Buffer.from(bytes);
  // Node aligns both large copies and those in its pool to 8 bytes.
  const cells = new Cells(buffer as ArrayBuffer, byteOffset, count);
  if (type.kind === 'boolean' && cells.some((cell) => (cell as number) > 1))
    throw invalidInference(where, 'a BOOL must be a byte of 0 or 1');
  if (takesNonFinite) return cells;
  if (type.kind === 'float' && !areFinite(cells as Float32Array | Float64Array))
    throw invalidInference(where, 'an element is not a finite number');
  if (type.kind === 'half' && cells.some((cell) => !isFiniteHalf(cell as number)))
    throw invalidInference(where, 'an element is not a finite number');
  return cells;
}

function areFinite(cells: Float32Array | Float64Array): boolean {
  for (let at = 0; at < cells.length; at += 1) if (!Number.isFinite(cells[at])) return false;
  return true;
}

/** Each element is preceded by its length. */
function readTexts(bytes: Buffer, count: number, where: string): string[] {
  const texts: string[] = [];
  let at = 0;
  while (at + lengthBytes <= bytes.length) {
    const end = at + lengthBytes + bytes.readUInt32LE(at);
    if (end > bytes.length) break;
    const text = bytes.subarray(at + lengthBytes, end);
    if (!isUtf8(text)) throw invalidInference(`${where}, element ${texts.length}`, 'not UTF-8');
    texts.push(text.toString());
    at = end;
  }
  if (at !== bytes.length) throw invalidInference(where, 'the last element does not end at the end of the data');
  if (texts.length !== count) throw invalidInference(where, `the shape has ${count} elements, got ${texts.length}`);
  return texts;
}

/** Returns the bytes of a tensor; numbers are not copied. */
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
