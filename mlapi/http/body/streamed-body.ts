import type { IncomingMessage, ServerResponse } from 'node:http';
import { serviceBusy } from '../problem.ts';
import type { MemoryQuota } from './memory-quota.ts';
import { brokeOff, hasTrailers, tooLarge } from './problems.ts';

/** So many bytes are taken before others get their turn: one connection may have many more at hand. */
const bytesPerTurn = 65_536;

/** Consumer of a body while it arrives. Both methods may throw; then nothing more is read. */
export interface BodySink<T> {
  /** The bytes are only lent. Nothing more is read until a promise is kept. */
  write(chunk: Buffer): void | Promise<void>;
  end(): T | Promise<T>;
}

interface StreamedBodyOptions {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly limitBytes: number;
  readonly unfinished: MemoryQuota;
  readonly clientId: string;
  /** Its `Content-Type`, whose media type the reader takes. */
  readonly contentType: string;
}

/** A body that was let in, and that its handler reads: no more of it is kept than its sink keeps. */
export class StreamedBody {
  /** Whether anything reads it yet. A body that nothing reads is discarded before its sender is refused, so that the sender reads why. */
  hasBegun = false;
  readonly #options: StreamedBodyOptions;

  constructor(options: StreamedBodyOptions) {
    this.#options = options;
  }

  get contentType(): string {
    return this.#options.contentType;
  }

  /**
   * @param open makes the sink; `hold` is for it to ask for memory before it takes some
   * @throws {Problem} 400, 413, 503, and what the sink throws
   */
  async into<T>(open: (hold: (bytes: number) => void) => BodySink<T>): Promise<T> {
    const { unfinished, clientId } = this.#options;
    let held = 0;
    this.hasBegun = true;
    const sink = open((bytes) => {
      if (!unfinished.take(clientId, bytes)) throw serviceBusy();
      held += bytes;
    });
    try {
      await this.#read((chunk) => sink.write(chunk));
      return await sink.end();
    } finally {
      unfinished.give(clientId, held);
    }
  }

  #read(write: (chunk: Buffer) => void | Promise<void>): Promise<void> {
    const { request, response, limitBytes } = this.#options;
    return new Promise((resolve, reject) => {
      const refuse: (cause: unknown) => void = reject;
      let length = 0;
      let inTurn = 0;
      let isSettled = false;
      let isWriting = false;
      let hasEnded = false;
      const settle = (action: () => void) => {
        request.off('data', take).off('end', finish).off('error', fail);
        response.off('close', fail);
        isSettled = true;
        action();
      };
      const take = (chunk: Buffer) => {
        length += chunk.length;
        inTurn += chunk.length;
        let isTaken: void | Promise<void>;
        try {
          if (length > limitBytes) throw tooLarge();
          isTaken = write(chunk);
        } catch (error) {
          settle(() => refuse(error));
          return;
        }
        if (isTaken !== undefined) {
          request.pause();
          isWriting = true;
          isTaken.then(
            () => {
              isWriting = false;
              if (isSettled) return;
              if (hasEnded) finish();
              else request.resume();
            },
            (error: unknown) => isSettled || settle(() => refuse(error)),
          );
          return;
        }
        if (inTurn < bytesPerTurn) return;
        inTurn = 0;
        request.pause();
        setImmediate(() => request.resume());
      };
      const finish = () => {
        // The end of a stream that was read to its end is told also while it is paused.
        hasEnded = true;
        if (!isWriting) settle(() => (request.rawTrailers.length > 0 ? reject(hasTrailers()) : resolve()));
      };
      const fail = () => settle(() => reject(brokeOff()));
      request.on('data', take).on('end', finish).on('error', fail);
      // A request that was answered while its body broke off is never closed by Node.
      response.on('close', fail);
      if (request.destroyed || response.closed) fail();
    });
  }
}
