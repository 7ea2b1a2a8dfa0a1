import { isUtf8 } from 'node:buffer';
import { refuse } from './scan-refusals.ts';

const shortBytes = 12;
const replacement = '\ufffd';
const memoryMarker = '_ORT_MEM_ADDR_';

/** Collects the bytes of one string across chunks. The reader has limited its length. */
export class TextBuffer {
  #collected = Buffer.alloc(0);
  #filled = 0;
  #length = 0;

  begin(length: number): void {
    this.#length = length;
    this.#filled = 0;
  }

  get missing(): number {
    return this.#length - this.#filled;
  }

  /** Adds part of a chunk. @returns the string once it is complete */
  take(chunk: Buffer, start: number, end: number): string | undefined {
    if (end - start === this.#length) return decode(chunk, start, end);
    if (this.#collected.length < this.#length) this.#collected = Buffer.alloc(this.#length);
    this.#filled += chunk.copy(this.#collected, this.#filled, start, end);
    return this.#filled < this.#length ? undefined : decode(this.#collected, 0, this.#length);
  }
}

function decode(bytes: Buffer, start: number, end: number): string {
  const text = end - start <= shortBytes ? decodeShort(bytes, start, end) : bytes.toString('utf8', start, end);
  // Invalid bytes decode to the replacement character; only if there is one, check whether the file really contains it.
  if (text.includes(replacement) && !isUtf8(bytes.subarray(start, end)))
    refuse('malformed_model', 'The file contains a string that is not UTF-8.');
  if (text.includes('\0')) refuse('malformed_model', 'The file contains a string with a NUL character.');
  // This marker refers to an address in the memory of the process, from which the runtime would read a tensor.
  if (text.includes(memoryMarker)) refuse('external_data', 'The model refers to the memory of the server.');
  return text;
}

/** Most names are short and ASCII, and toString costs several times as much. */
function decodeShort(bytes: Buffer, start: number, end: number): string {
  let text = '';
  for (let at = start; at < end; at++) {
    const byte = bytes[at]!;
    if (byte > 0x7f) return bytes.toString('utf8', start, end);
    text += String.fromCharCode(byte);
  }
  return text;
}
