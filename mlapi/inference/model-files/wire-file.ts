import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

/** The model file is malformed or exceeds a limit of the reader. */
export class UnreadableModel extends Error {
  constructor(reason: string) {
    super(reason);
    this.name = 'UnreadableModel';
  }
}

/** One field of a protobuf message: its number, and its value or position in the file. */
export interface WireField {
  readonly number: number;
  readonly wireType: number;
  /** Value of a varint: signed 64-bit, exact up to 2^53. */
  readonly value: number;
  readonly start: number;
  readonly end: number;
}

const maxTag = 2 ** 32 - 1;
const windowBytes = 65_536;
/** Longest name or text, in bytes. */
const maxTextBytes = 4_096;
/** Longest total of all names, in bytes; real graphs have less. */
const maxTextBytesInAll = 16_777_216;

/**
 * Reads protobuf messages of a model in place. A file on disk is read 64 KiB at a time and skipped where possible, so that reading the
 * graph of a 2 GB file is cheap.
 */
export class WireFile {
  readonly size: number;
  /** Fields read since it was last set to 0. */
  fields = 0;
  readonly #maxFields: number;
  /** Undefined if the bytes are in memory: then they are the window. */
  readonly #descriptor: number | undefined;
  readonly #window: Buffer;
  #windowStart = 0;
  #windowEnd = 0;
  #textBytes = 0;

  /**
   * @param source path, or the bytes of the file
   * @param maxFields most fields to read before `fields` is set to 0 again
   */
  constructor(source: string | Buffer, maxFields = Infinity) {
    this.#maxFields = maxFields;
    if (typeof source === 'string') {
      this.#descriptor = openSync(source, 'r');
      this.size = fstatSync(this.#descriptor).size;
      this.#window = Buffer.allocUnsafe(windowBytes);
    } else {
      this.size = this.#windowEnd = source.length;
      this.#window = source;
    }
  }

  close(): void {
    if (this.#descriptor !== undefined) closeSync(this.#descriptor);
  }

  /** Reads the fields of the message between two offsets. @throws {UnreadableModel} */
  *read(start: number, end: number): Generator<WireField, void, undefined> {
    for (let at = start; at < end;) {
      this.fields += 1;
      if (this.fields > this.#maxFields) throw new UnreadableModel('one of its parts has too many fields');
      const tag = this.#varint(at, end);
      if (tag.value < 8 || tag.value > maxTag) throw malformed();
      const number = Math.floor(tag.value / 8);
      const wireType = tag.value % 8;
      const field = this.#field({ number, wireType }, tag.end, end);
      yield field;
      at = field.end;
    }
  }

  /** Returns the bytes between two offsets; for a file in memory, a view. */
  bytes(start: number, end: number): Buffer {
    if (this.#descriptor === undefined) return this.#window.subarray(start, end);
    const bytes = Buffer.alloc(end - start);
    for (let at = 0; at < bytes.length;) {
      const count = readSync(this.#descriptor, bytes, at, bytes.length - at, start + at);
      if (count === 0) throw malformed();
      at += count;
    }
    return bytes;
  }

  /** Reads the fields of an embedded message. @throws {UnreadableModel} */
  message(field: WireField): Generator<WireField, void, undefined> {
    if (field.wireType !== 2) throw malformed();
    return this.read(field.start, field.end);
  }

  /** Reads a name or a short text. @throws {UnreadableModel} */
  text({ start, end, wireType }: WireField): string {
    const length = end - start;
    this.#textBytes += length;
    if (wireType !== 2) throw malformed();
    if (length > maxTextBytes || this.#textBytes > maxTextBytesInAll)
      throw new UnreadableModel('its names are too long');
    if (length === 0) return '';
    if (start < this.#windowStart || end > this.#windowEnd) this.#fill(start);
    if (end > this.#windowEnd) throw malformed();
    const text = this.#window.toString('utf8', start - this.#windowStart, end - this.#windowStart);
    // Two different invalid names may decode to the same text here, but not in the runtime.
    if (text.includes('\ufffd') || text.includes('\0')) throw new UnreadableModel('one of its names is not UTF-8 text');
    return text;
  }

  /** @throws {UnreadableModel} */
  integer({ wireType, value }: WireField): number {
    if (wireType !== 0) throw malformed();
    return value;
  }

  /** Reads the integers of a repeated field, packed or not. @throws {UnreadableModel} */
  *integers(field: WireField): Generator<number, void, undefined> {
    if (field.wireType === 0) {
      yield field.value;
      return;
    }
    if (field.wireType !== 2) throw malformed();
    for (let at = field.start; at < field.end;) {
      this.fields += 1;
      const { value, end } = this.#varint(at, field.end);
      yield value;
      at = end;
    }
  }

  #field({ number, wireType }: Pick<WireField, 'number' | 'wireType'>, at: number, limit: number): WireField {
    if (wireType === 0) {
      const { value, end } = this.#varint(at, limit);
      return { number, wireType, value, start: at, end };
    }
    const head = wireType === 2 ? this.#varint(at, limit) : { value: wireType === 1 ? 8 : 4, end: at };
    const isKnown = wireType === 1 || wireType === 2 || wireType === 5;
    const end = head.end + head.value;
    if (!isKnown || head.value < 0 || end > limit) throw malformed();
    return { number, wireType, value: 0, start: head.end, end };
  }

  #varint(start: number, limit: number): { value: number; end: number } {
    let value = 0;
    for (let index = 0; index < 10 && start + index < limit; index += 1) {
      const byte = this.#byte(start + index);
      if (index >= 7) return this.#longVarint(start, limit);
      value += (byte & 0x7f) * 2 ** (7 * index);
      if (byte < 0x80) return { value, end: start + index + 1 };
    }
    throw malformed();
  }

  /** Varints over 49 bits, such as negative numbers. */
  #longVarint(start: number, limit: number): { value: number; end: number } {
    let value = 0n;
    for (let index = 0; index < 10 && start + index < limit; index += 1) {
      const byte = this.#byte(start + index);
      value |= BigInt(byte & 0x7f) << BigInt(7 * index);
      if (byte < 0x80) return { value: Number(BigInt.asIntN(64, value)), end: start + index + 1 };
    }
    throw malformed();
  }

  #byte(at: number): number {
    if (at < this.#windowStart || at >= this.#windowEnd) this.#fill(at);
    return this.#window[at - this.#windowStart]!;
  }

  #fill(start: number): void {
    const count = this.#descriptor === undefined ? 0 : readSync(this.#descriptor, this.#window, 0, windowBytes, start);
    if (count === 0) throw malformed();
    this.#windowStart = start;
    this.#windowEnd = start + count;
  }
}

function malformed(): UnreadableModel {
  return new UnreadableModel('not a complete ONNX file: it is damaged or truncated');
}
