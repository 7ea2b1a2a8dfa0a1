import { refuse } from './scan-refusals.ts';

const maxBytes = 10;

/** Decodes a protobuf varint byte by byte. `value` is signed, and exact up to 2^53. */
export class Varint {
  value = 0;
  #low = 0;
  #middle = 0;
  #high = 0;
  #bytes = 0;

  /** False in the middle of an integer. */
  get isDone(): boolean {
    return this.#bytes === 0;
  }

  /** Takes a byte. @returns whether it completed the integer */
  take(byte: number): boolean {
    if (byte < 0x80 && this.#bytes === 0) {
      this.value = byte;
      return true;
    }
    return this.#add(byte, this.#bytes++);
  }

  #add(byte: number, index: number): boolean {
    const bits = byte & 0x7f;
    if (index < 4) this.#low |= bits << (7 * index);
    else if (index < 8) this.#middle |= bits << (7 * (index - 4));
    else this.#high |= bits << (7 * (index - 8));
    if (index === maxBytes - 1 && byte > 1)
      refuse('malformed_model', 'The file contains an integer of more than 64 bits.');
    if (byte >= 0x80) return false;
    if (byte === 0) refuse('malformed_model', 'The file contains an integer that is not encoded in its shortest form.');
    this.#finish();
    return true;
  }

  #finish(): void {
    const high = this.#high >= 0x80 ? this.#high - 0x100 : this.#high;
    // Added from the most significant part, so that small negative numbers stay exact.
    this.value = high * 2 ** 56 + this.#middle * 2 ** 28 + this.#low;
    this.#low = this.#middle = this.#high = this.#bytes = 0;
  }
}
