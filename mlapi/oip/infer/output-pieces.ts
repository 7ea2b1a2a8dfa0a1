import { writeElements } from '../../inference/tensors/json-elements.ts';
import type { TensorData } from '../../inference/tensors/types.ts';

/** Size of a piece that takes about a millisecond to build: numbers, or characters of text. */
const elementsPerPiece = 4_096;
const charactersPerPiece = 65_536;
/** Binary pieces are not copied. */
const bytesPerPiece = 262_144;
const lengthBytes = 4;

/** Yields the elements of an output as comma-separated JSON. */
export function* jsonPieces(data: TensorData, datatype: string): Generator<string> {
  if (!ArrayBuffer.isView(data)) {
    yield* textPieces(data);
    return;
  }
  for (let from = 0; from < data.length; from += elementsPerPiece) {
    const comma = from === 0 ? '' : ',';
    yield comma + writeElements(data, datatype, from, Math.min(data.length, from + elementsPerPiece));
  }
}

function* textPieces(texts: readonly string[]): Generator<string> {
  let piece = '';
  for (const [at, text] of texts.entries()) {
    if (at > 0) piece += ',';
    if (text.length <= charactersPerPiece) piece += JSON.stringify(text);
    else {
      piece += '"';
      for (const part of partsOf(text)) {
        yield piece + JSON.stringify(part).slice(1, -1);
        piece = '';
      }
      piece = '"';
    }
    if (piece.length < charactersPerPiece) continue;
    yield piece;
    piece = '';
  }
  yield piece;
}

/** Yields the binary data of an output. Each text is preceded by its length (uint32, little endian). */
export function* binaryPieces(data: TensorData): Generator<Uint8Array> {
  if (ArrayBuffer.isView(data)) {
    for (let from = 0; from < data.byteLength; from += bytesPerPiece)
      yield Buffer.from(data.buffer, data.byteOffset + from, Math.min(bytesPerPiece, data.byteLength - from));
    return;
  }
  let parts: Buffer[] = [];
  let characters = 0;
  for (const text of data) {
    const length = Buffer.allocUnsafe(lengthBytes);
    length.writeUInt32LE(Buffer.byteLength(text));
    parts.push(length);
    for (const part of partsOf(text)) {
      parts.push(Buffer.from(part));
      characters += part.length + lengthBytes;
      if (characters < charactersPerPiece) continue;
      yield Buffer.concat(parts);
      parts = [];
      characters = 0;
    }
  }
  yield Buffer.concat(parts);
}

/** Splits a text without cutting surrogate pairs. A short text, even an empty one, is a single part. */
function* partsOf(text: string): Generator<string> {
  if (text.length <= charactersPerPiece) {
    yield text;
    return;
  }
  for (let from = 0; from < text.length;) {
    let to = Math.min(text.length, from + charactersPerPiece);
    // Keep both halves of a surrogate pair together.
    if (to < text.length && (text.charCodeAt(to - 1) & 0xfc00) === 0xd800) to += 1;
    yield text.slice(from, to);
    from = to;
  }
}
