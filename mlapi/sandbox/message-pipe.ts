import type { Duplex } from 'node:stream';
import { deserialize, serialize } from 'node:v8';

/** Asked before a large message is read. */
export interface MessageMemory {
  take(bytes: number): boolean;
  give(bytes: number): void;
}

interface MessagePipeOptions {
  /** A sender that announces more is broken, or hostile. */
  readonly maxBytes: number;
  readonly memory?: MessageMemory;
  /** Makes a message of its bytes, and throws where they are none; by default, any that a program of ours sends. */
  readonly decode?: (body: Buffer) => unknown;
  readonly onMessage: (message: unknown) => void;
  /** A message came for which there was no memory: it was read and thrown away. */
  readonly onDropped?: () => void;
  /** Called for bytes that are no message; nothing more is read. */
  readonly onFault?: (reason: string) => void;
  readonly onClose?: () => void;
}

/** Its length in bytes, little-endian, stands before each message. */
const lengthBytes = 4;
/** Smaller ones are read without asking. */
const fewBytes = 65_536;

/**
 * Messages between this process and a child. Node's own channel reads whatever it is sent: a model's process that sends gigabytes would
 * fill the one that serves requests. Here a message is no longer than its bound, and asked for before it is kept.
 */
export class MessagePipe {
  readonly #pipe: Duplex;
  readonly #options: MessagePipeOptions;
  readonly #head = Buffer.alloc(lengthBytes);
  #headBytes = 0;
  /** Body of the incoming message; undefined if the message is discarded. */
  #body: Buffer | undefined;
  #bodyBytes = 0;
  #length = 0;
  #heldBytes = 0;

  constructor(pipe: Duplex, options: MessagePipeOptions) {
    this.#pipe = pipe;
    this.#options = options;
    pipe.on('data', (chunk: Buffer) => this.#read(chunk));
    // A message that cannot be sent means that the other process has ended, which is handled there.
    pipe.on('error', () => undefined);
    pipe.once('close', () => {
      this.#release();
      options.onClose?.();
    });
  }

  send(message: unknown): void {
    this.sendBytes(serialize(message));
  }

  /** @param body what `serialize` made of a message */
  sendBytes(body: Buffer): void {
    const head = Buffer.allocUnsafe(lengthBytes);
    head.writeUInt32LE(body.length);
    this.#pipe.cork();
    this.#pipe.write(head);
    this.#pipe.write(body);
    this.#pipe.uncork();
  }

  close(): void {
    this.#pipe.destroy();
  }

  #read(chunk: Buffer): void {
    for (let at = 0; at < chunk.length && !this.#pipe.destroyed;) {
      if (this.#headBytes < lengthBytes) {
        const copied = chunk.copy(this.#head, this.#headBytes, at);
        this.#headBytes += copied;
        at += copied;
        if (this.#headBytes === lengthBytes) this.#begin(this.#head.readUInt32LE());
        continue;
      }
      const end = Math.min(chunk.length, at + this.#length - this.#bodyBytes);
      if (this.#body !== undefined) chunk.copy(this.#body, this.#bodyBytes, at, end);
      this.#bodyBytes += end - at;
      at = end;
      if (this.#bodyBytes === this.#length) this.#finish();
    }
  }

  #begin(length: number): void {
    const { maxBytes, memory } = this.#options;
    if (length === 0 || length > maxBytes) {
      this.#fail(`it sent a message of ${length} bytes, and ${maxBytes} are the most`);
      return;
    }
    this.#length = length;
    this.#bodyBytes = 0;
    if (memory !== undefined && length >= fewBytes) {
      if (!memory.take(length)) return;
      this.#heldBytes = length;
    }
    // The system gives its memory as it is filled: announced alone, it takes nothing.
    this.#body = Buffer.allocUnsafeSlow(length);
  }

  #finish(): void {
    const body = this.#body;
    this.#headBytes = 0;
    this.#release();
    if (body === undefined) {
      this.#options.onDropped?.();
      return;
    }
    let message: unknown;
    try {
      const { decode = deserialize } = this.#options;
      message = decode(body);
    } catch {
      this.#fail('it sent what is no message');
      return;
    }
    this.#options.onMessage(message);
  }

  #fail(reason: string): void {
    this.close();
    this.#options.onFault?.(reason);
  }

  #release(): void {
    if (this.#heldBytes > 0) this.#options.memory?.give(this.#heldBytes);
    this.#heldBytes = 0;
    this.#body = undefined;
  }
}
