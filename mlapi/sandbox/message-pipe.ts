import type { Duplex } from 'node:stream';
import { deserialize, serialize } from 'node:v8';

/** Reserves memory before a large message is read. */
export interface MessageMemory {
  take(bytes: number): boolean;
  give(bytes: number): void;
}

interface MessagePipeOptions {
  /** Larger messages are a fault: the sender is broken or hostile. */
  readonly maxBytes: number;
  readonly memory?: MessageMemory;
  /** Decodes a message and throws if it is malformed. Default: `deserialize`, for trusted senders only. */
  readonly decode?: (body: Buffer) => unknown;
  readonly onMessage: (message: unknown) => void;
  /** A message was discarded because there was no memory for it. */
  readonly onDropped?: () => void;
  /** Called for malformed data; nothing more is read. */
  readonly onFault?: (reason: string) => void;
  readonly onClose?: () => void;
}

/** Each message is preceded by its length (uint32, little endian). */
const lengthBytes = 4;
/** Smaller messages are read without reserving memory. */
const fewBytes = 65_536;

/**
 * Messages between this process and a child. Node's own IPC channel reads any amount: a hostile model process could fill this one's memory.
 * Here the size is bounded, and memory is reserved before a message is kept.
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
    // If a message cannot be sent, the other process has exited, which is handled there.
    pipe.on('error', () => undefined);
    pipe.once('close', () => {
      this.#release();
      options.onClose?.();
    });
  }

  send(message: unknown): void {
    this.sendBytes(serialize(message));
  }

  /** @param body a message encoded by `serialize` */
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
      this.#fail(`it sent a message of ${length} bytes; the limit is ${maxBytes}`);
      return;
    }
    this.#length = length;
    this.#bodyBytes = 0;
    if (memory !== undefined && length >= fewBytes) {
      if (!memory.take(length)) return;
      this.#heldBytes = length;
    }
    // The system allocates pages when they are written, so an announced size costs nothing.
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
      this.#fail('it sent a malformed message');
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
