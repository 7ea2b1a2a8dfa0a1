import type { ClientRequest, IncomingMessage } from 'node:http';
import { ApiError, errorOf } from './api-error.ts';
import { reasonOf, type Deadline } from './deadline.ts';

/** Larger than any response of the service that is not streamed. */
const maxResponseBytes = 67_108_864;
const maxRefusalBytes = 65_536;

/** A response whose body has not been read: read it once, within the deadline. */
export class ServiceResponse {
  readonly status: number;
  readonly #message: IncomingMessage;
  readonly #request: ClientRequest;
  readonly #deadline: Deadline;

  constructor(message: IncomingMessage, request: ClientRequest, deadline: Deadline) {
    this.status = message.statusCode ?? 0;
    this.#message = message;
    this.#request = request;
    this.#deadline = deadline;
    // Errors reach the reader of the body.
    message.on('error', () => undefined);
    const abort = () => message.destroy();
    if (deadline.signal.aborted) abort();
    else deadline.signal.addEventListener('abort', abort, { once: true });
  }

  get isOk(): boolean {
    return this.status >= 200 && this.status < 300;
  }

  header(name: string): string | undefined {
    const value = this.#message.headers[name];
    return typeof value === 'string' ? value : undefined;
  }

  get mediaType(): string {
    return (this.header('content-type') ?? '').split(';', 1)[0]!.trim().toLowerCase();
  }

  /** Yields the body as it is requested. Leaving early closes the connection. Either way the call ends. */
  async *chunks(): AsyncGenerator<Buffer, void, undefined> {
    try {
      yield* this.#read();
    } finally {
      this.#deadline.release();
    }
  }

  /** @throws {ApiError} unless the body is JSON that `isExpected` accepts */
  async json<T>(isExpected: (value: Record<string, unknown>) => boolean): Promise<T> {
    const text = await this.#text(maxResponseBytes);
    if (text === undefined) throw this.#invalid('The response is too large.');
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      // The parser's error quotes the response, which may hold a token.
    }
    if (typeof value !== 'object' || value === null || !isExpected(value as Record<string, unknown>))
      throw this.#invalid('The response does not come from this service.');
    return value as T;
  }

  /** Reads an error response. Redirects are errors too. */
  async refusal(): Promise<ApiError> {
    const { status } = this;
    const body = (await this.#text(maxRefusalBytes)) ?? '';
    const requestId = this.header('x-request-id');
    if (status >= 300 && status < 400)
      return new ApiError('redirected', 'The service redirects to another address; tokens are not sent there.', {
        status,
        requestId,
      });
    return errorOf({ status, body, requestId, retryAfter: this.header('retry-after') });
  }

  /** Reads the rest of a short response, so that the connection can be reused. */
  async discard(): Promise<void> {
    await this.#text(maxRefusalBytes);
  }

  async #text(limitBytes: number): Promise<string | undefined> {
    const chunks: Buffer[] = [];
    let length = 0;
    for await (const chunk of this.#read()) {
      length += chunk.length;
      if (length > limitBytes) return undefined;
      chunks.push(chunk);
    }
    return Buffer.concat(chunks).toString('utf8');
  }

  async *#read(): AsyncGenerator<Buffer, void, undefined> {
    const { signal } = this.#deadline;
    try {
      for await (const chunk of this.#message) {
        this.#deadline.pause();
        yield chunk as Buffer;
        this.#deadline.resume();
      }
      if (!this.#message.complete) throw lost();
    } catch (error) {
      if (signal.aborted) throw reasonOf(signal);
      throw error instanceof ApiError ? error : lost();
    } finally {
      // An unread body makes the connection unusable for further requests.
      if (!this.#message.complete || !this.#request.writableFinished) this.#request.destroy();
    }
  }

  #invalid(detail: string): ApiError {
    return new ApiError('invalid_answer', detail, { status: this.status, requestId: this.header('x-request-id') });
  }
}

function lost(): ApiError {
  return new ApiError('connection_lost', 'The connection closed before the response ended.');
}
