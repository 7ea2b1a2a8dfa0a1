import { ApiError } from './api-error.ts';
import { Deadline, orAborted, type Timing } from './deadline.ts';
import { ServiceResponse } from './response.ts';
import type { Transport, WireCall } from './transport.ts';

/** How often and for how long a call is tried again. */
export interface RetryOptions {
  /** After the first try. */
  readonly count: number;
  /** From the first try to the last. */
  readonly withinMs: number;
  /** The first wait is at most this long, each further one at most twice the one before. */
  readonly firstWaitMs: number;
}

export const defaultRetries: RetryOptions = { count: 4, withinMs: 30_000, firstWaitMs: 200 };
const longestWaitMs = 10_000;

/** Options of every call. */
export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
  /** For the whole call, retries included; where something is streamed, the longest silence of the service. */
  readonly timeoutMs?: number | undefined;
}

export interface Call extends WireCall {
  /** Whether doing it twice is doing it once: only then is it tried again when nobody knows whether it was done. */
  readonly isRepeatable: boolean;
  readonly isStreamed?: boolean;
  /** Told that a try may have been done, before the next one. */
  readonly onLost?: () => void;
  /** Statuses of refusals that are answers to this call. */
  readonly accepts?: readonly number[];
}

/** Where access tokens come from. */
export interface TokenSource {
  access(): Promise<string>;
  /** After a 401: another one than that which was refused. */
  replace(refused: string): Promise<string>;
}

interface AttemptsOptions {
  readonly transport: Transport;
  readonly timing: Timing;
  readonly retries: RetryOptions;
  readonly timeoutMs: number;
}

type Read<T> = (answer: ServiceResponse) => T | Promise<T>;

interface Attempt<T> {
  readonly call: Call;
  readonly read: Read<T>;
  readonly deadline: Deadline;
  readonly tokens?: TokenSource | undefined;
}

/** Makes calls, and makes them again where that is safe. */
export class Attempts {
  readonly #options: AttemptsOptions;

  constructor(options: AttemptsOptions) {
    this.#options = options;
  }

  /**
   * @param read takes what is wanted of an answer that is no refusal; a stream is handed on whole, and ends its call itself.
   * @throws {ApiError}, or the signal's reason
   */
  async perform<T>(call: Call, read: Read<T>, options: CallOptions = {}, tokens?: TokenSource): Promise<T> {
    const deadline = new Deadline(options.timeoutMs ?? this.#options.timeoutMs, {
      caller: options.signal,
      isForSilence: call.isStreamed === true,
    });
    let isHandedOn = false;
    try {
      const value = await this.#repeat({ call, read, deadline, tokens });
      isHandedOn = value instanceof ServiceResponse;
      return value;
    } finally {
      if (!isHandedOn) deadline.release();
    }
  }

  async #repeat<T>({ call, read, deadline, tokens }: Attempt<T>): Promise<T> {
    const { timing, retries } = this.#options;
    const startedAt = timing.now();
    let token = tokens && (await orAborted(tokens.access(), deadline.signal));
    let isReplaced = false;
    for (let tries = 1; ; tries += 1) {
      const failure = await this.#try({ call, read, deadline }, token);
      if (!(failure instanceof ApiError)) return failure.value;
      if (call.payload?.isWhole === false) throw failure;
      if (failure.status === 401 && tokens !== undefined && token !== undefined && !isReplaced) {
        // Nothing was done, so this is no retry; and it happens once, whatever the service says to the next token.
        isReplaced = true;
        token = await orAborted(tokens.replace(token), deadline.signal);
        continue;
      }
      const waitMs = this.#waitMs(failure, call, tries);
      if (waitMs === undefined || timing.now() - startedAt + waitMs > retries.withinMs) throw failure;
      if (failure.code === 'connection_lost') call.onLost?.();
      deadline.pause();
      await timing.wait(waitMs, deadline.signal);
      deadline.resume();
    }
  }

  async #try<T>({ call, read, deadline }: Attempt<T>, token: string | undefined): Promise<{ value: T } | ApiError> {
    const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` };
    const { transport } = this.#options;
    try {
      const answer = await transport.send({ ...call, headers: { ...call.headers, ...authorization } }, deadline);
      if (!answer.isOk && call.accepts?.includes(answer.status) !== true) return await answer.refusal();
      return { value: await read(answer) };
    } catch (error) {
      if (error instanceof ApiError && !deadline.signal.aborted) return error;
      throw error;
    }
  }

  /** Full jitter, and never less than `Retry-After`; undefined where it must not be tried again. */
  #waitMs(
    { code, status, retryAfterSeconds = 0 }: ApiError,
    { isRepeatable }: Call,
    tries: number,
  ): number | undefined {
    const { retries, timing } = this.#options;
    if (tries > retries.count) return undefined;
    // 429 and 503 were refused before anything was done, and what is unreachable has heard nothing.
    const isUndone = status === 429 || status === 503 || code === 'unreachable';
    if (!isUndone && !(isRepeatable && code === 'connection_lost')) return undefined;
    const maxMs = Math.min(longestWaitMs, retries.firstWaitMs * 2 ** (tries - 1));
    return retryAfterSeconds * 1_000 + timing.random() * maxMs;
  }
}
