import type { IncomingMessage, ServerResponse } from 'node:http';
import { serviceBusy } from '../problem.ts';
import type { MemoryQuota } from './memory-quota.ts';
import { brokeOff, hasTrailers, tooLarge } from './problems.ts';

/** Bytes taken before the event loop serves other connections. */
const bytesPerTurn = 65_536;

/** Consumes a body while it arrives. Both methods may throw; reading stops then. */
export interface BodySink<T> {
  /** Must not keep `chunk` after it returns. A returned promise pauses reading until it resolves. */
  write(chunk: Buffer): void | Promise<void>;
  end(): T | Promise<T>;
}

interface StreamedBodyOptions {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly limitBytes: number;
  readonly unfinished: MemoryQuota;
  readonly clientId: string;
  /** The `Content-Type` header; its media type has been checked. */
  readonly contentType: string;
}

/** An accepted body that its handler reads as a stream: it holds no more memory than its sink does. */
export class StreamedBody {
  /** Whether reading has begun. An unread body is discarded before an error is sent, so that the client reads the error. */
  hasBegun = false;
  readonly #options: StreamedBodyOptions;

  constructor(options: StreamedBodyOptions) {
    this.#options = options;
  }

  get contentType(): string {
    return this.#options.contentType;
  }

  /**
   * Reads the whole body into a sink.
   * @param open makes the sink; the sink calls `hold` before it takes memory
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
        // `end` is emitted even while the stream is paused.
        hasEnded = true;
        if (!isWriting) settle(() => (request.rawTrailers.length > 0 ? reject(hasTrailers()) : resolve()));
      };
      const fail = () => settle(() => reject(brokeOff()));
      request.on('data', take).on('end', finish).on('error', fail);
      // Node never closes a request whose body broke off after it was answered.
      response.on('close', fail);
      if (request.destroyed || response.closed) fail();
    });
  }
}
