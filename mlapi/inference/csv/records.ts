const quote = 0x22;
const lineFeed = 0x0a;
const carriageReturn = 0x0d;
const firstBufferBytes = 4_096;

export interface RecordTaker {
  /** A complete record, followed by its line break. The bytes are reused after the call. */
  take(bytes: Buffer, start: number, end: number): void;
  /** The beginning of a record that exceeds the limit or has an unbalanced quote. Must throw. */
  refuse(bytes: Buffer, reason: 'endless' | 'unbalanced'): never;
}

interface RecordLimits {
  readonly maxBytes: number;
  /** Reserves memory in bytes. @throws if there is none */
  readonly hold: (bytes: number) => void;
}

/**
 * Splits CSV (RFC 4180) into records while its bytes arrive in arbitrary chunks. A line break ends a record unless it is quoted. Only the
 * current, incomplete record is buffered.
 */
export class CsvRecords {
  readonly #taker: RecordTaker;
  readonly #limits: RecordLimits;
  #pending = Buffer.alloc(0);
  #length = 0;
  #isQuoted = false;

  constructor(taker: RecordTaker, limits: RecordLimits) {
    this.#taker = taker;
    this.#limits = limits;
  }

  write(chunk: Buffer): void {
    let start = 0;
    for (let end = this.#findEnd(chunk, 0); end !== -1; end = this.#findEnd(chunk, start)) {
      if (this.#length > 0) this.#keep(chunk, start, end);
      if (this.#length > 0) this.#takePending(true);
      else if (end - start > this.#limits.maxBytes) this.#refuseLong(chunk, start);
      else this.#take(chunk, start, end);
      start = end + 1;
    }
    this.#keep(chunk, start, chunk.length);
  }

  /** Ends the input. The last record needs no line break, but its quotes must be balanced. */
  end(): void {
    if (this.#isQuoted) this.#taker.refuse(this.#pending.subarray(0, this.#length), 'unbalanced');
    if (this.#length > 0) this.#takePending(false);
  }

  /** Returns the end of the current record, or -1. A doubled quote closes and reopens the quotes. */
  #findEnd(chunk: Buffer, from: number): number {
    let isQuoted = this.#isQuoted;
    for (let at = from; at < chunk.length; at += 1) {
      const byte = chunk[at]!;
      if (byte > quote) continue;
      if (byte === quote) isQuoted = !isQuoted;
      else if (byte === lineFeed && !isQuoted) {
        this.#isQuoted = false;
        return at;
      }
    }
    this.#isQuoted = isQuoted;
    return -1;
  }

  #takePending(hasLineBreak: boolean): void {
    const length = this.#length;
    this.#reserve(length + 1);
    this.#pending[length] = lineFeed;
    this.#length = 0;
    if (hasLineBreak) this.#take(this.#pending, 0, length);
    else this.#taker.take(this.#pending, 0, length);
  }

  #take(bytes: Buffer, start: number, end: number): void {
    this.#taker.take(bytes, start, end > start && bytes[end - 1] === carriageReturn ? end - 1 : end);
  }

  #keep(chunk: Buffer, start: number, end: number): void {
    const { maxBytes } = this.#limits;
    const needed = this.#length + end - start;
    const isLong = needed > maxBytes;
    this.#reserve(isLong ? maxBytes : needed);
    this.#length += chunk.copy(this.#pending, this.#length, start, end);
    if (isLong) this.#refuseLong(this.#pending, 0);
  }

  #reserve(needed: number): void {
    const { maxBytes, hold } = this.#limits;
    const { length } = this.#pending;
    if (needed <= length) return;
    const capacity = Math.min(maxBytes + 1, Math.max(firstBufferBytes, 2 * length, needed));
    hold(capacity - length);
    const larger = Buffer.allocUnsafe(capacity);
    this.#pending.copy(larger, 0, 0, this.#length);
    this.#pending = larger;
  }

  #refuseLong(bytes: Buffer, start: number): never {
    this.#taker.refuse(bytes.subarray(start, start + this.#limits.maxBytes), 'endless');
  }
}
