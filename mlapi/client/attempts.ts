import { ApiError } from './api-error.ts';
import { Deadline, orAborted, type Timing } from './deadline.ts';
import { ServiceResponse } from './response.ts';
import type { Transport, WireCall } from './transport.ts';

/** How often and how long a call is retried. */
export interface RetryOptions {
  /** Retries after the first attempt. */
  readonly count: number;
  /** Time from the first attempt to the last. */
  readonly withinMs: number;
  /** Upper bound of the first delay; doubled for each further one. */
  readonly firstWaitMs: number;
}

export const defaultRetries: RetryOptions = { count: 4, withinMs: 30_000, firstWaitMs: 200 };
const longestWaitMs = 10_000;

/** Options of every call. */
export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
  /** For the whole call including retries; for streams, the longest silence of the service. */
  readonly timeoutMs?: number | undefined;
}

export interface Call extends WireCall {
  /** Whether repeating the call is safe. Otherwise it is not retried when it may have been executed. */
  readonly isRepeatable: boolean;
  readonly isStreamed?: boolean;
  /** Called before a retry, if the previous attempt may have been executed. */
  readonly onLost?: () => void;
  /** Error statuses that are valid responses of this call. */
  readonly accepts?: readonly number[];
}

/** Provides access tokens. */
export interface TokenSource {
  access(): Promise<string>;
  /** After a 401: returns a token other than the rejected one. */
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

/** Executes calls and retries them when that is safe. */
export class Attempts {
  readonly #options: AttemptsOptions;

  constructor(options: AttemptsOptions) {
    this.#options = options;
  }

  /**
   * @param read extracts the result from a successful response; a `ServiceResponse` is returned as a stream and ends the call itself
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
        // A rejected token means that nothing was executed, so this is not a retry. Done once per call.
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

  /** Full jitter, at least `Retry-After`; undefined if the call must not be retried. */
  #waitMs(
    { code, status, retryAfterSeconds = 0 }: ApiError,
    { isRepeatable }: Call,
    tries: number,
  ): number | undefined {
    const { retries, timing } = this.#options;
    if (tries > retries.count) return undefined;
    // Requests answered 429 or 503 were not executed; `unreachable` ones were not sent.
    const isUndone = status === 429 || status === 503 || code === 'unreachable';
    if (!isUndone && !(isRepeatable && code === 'connection_lost')) return undefined;
    const maxMs = Math.min(longestWaitMs, retries.firstWaitMs * 2 ** (tries - 1));
    return retryAfterSeconds * 1_000 + timing.random() * maxMs;
  }
}
