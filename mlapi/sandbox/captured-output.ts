import type { Readable } from 'node:stream';

export interface OutputLimits {
  /** Bytes of both streams together that are delivered; what follows is discarded. */
  readonly bytes: number;
  /** Receives the output as it comes. Text may be cut within a character. */
  readonly onOutput?: (chunk: Buffer, stream: OutputStream) => void;
}

export type OutputStream = 'stdout' | 'stderr';

/** How much a program wrote. */
export interface OutputSummary {
  readonly bytes: number;
  /** Bytes that were not delivered; some of them may be in the tail. */
  readonly droppedBytes: number;
  /** The last 8 KiB of both streams, in the order in which they came. */
  readonly tail: Buffer;
}

const tailBytes = 8_192;
/** Discarding costs this process time, too: a program that writes so many times its limit is ended. */
const floodTimes = 100;
/** A small limit is no reason to end a program sooner. */
const leastFloodBytes = 67_108_864;

/** Reads a program's output to its end: the program never waits, and memory is bounded, however much it writes. */
export class CapturedOutput {
  readonly #limits: OutputLimits;
  readonly #onFlood: () => void;
  #bytes = 0;
  #deliveredBytes = 0;
  #tail = Buffer.alloc(0);

  constructor(limits: OutputLimits, onFlood: () => void) {
    this.#limits = limits;
    this.#onFlood = onFlood;
  }

  read(stream: Readable, name: OutputStream): void {
    stream.on('data', (chunk: Buffer) => this.#take(chunk, name));
    // A stream that breaks off has ended.
    stream.on('error', () => undefined);
  }

  get summary(): OutputSummary {
    return { bytes: this.#bytes, droppedBytes: this.#bytes - this.#deliveredBytes, tail: this.#tail };
  }

  #take(chunk: Buffer, name: OutputStream): void {
    const { bytes, onOutput } = this.#limits;
    this.#bytes += chunk.length;
    this.#keep(chunk);
    const delivered = chunk.subarray(0, bytes - this.#deliveredBytes);
    this.#deliveredBytes += delivered.length;
    if (delivered.length > 0) onOutput?.(delivered, name);
    if (this.#bytes > Math.max(floodTimes * bytes, leastFloodBytes)) this.#onFlood();
  }

  #keep(chunk: Buffer): void {
    const last = chunk.subarray(-tailBytes);
    const before = this.#tail.subarray(Math.max(0, this.#tail.length + last.length - tailBytes));
    // Copied: a slice would keep the whole chunk in memory.
    this.#tail = Buffer.concat([before, last]);
  }
}
