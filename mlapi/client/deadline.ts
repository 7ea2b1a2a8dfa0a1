import { ApiError } from './api-error.ts';

/** Clock and timers; tests replace them. */
export interface Timing {
  /** Monotonic, in milliseconds. */
  now(): number;
  /** @throws the signal's reason */
  wait(ms: number, signal: AbortSignal): Promise<void>;
  /** From 0 to 1. */
  random(): number;
}

export const realTiming: Timing = {
  now: () => performance.now(),
  wait: (ms, signal) =>
    orAborted(
      new Promise((resolve) => {
        const timer = setTimeout(resolve, ms);
        signal.addEventListener('abort', () => clearTimeout(timer), { once: true });
      }),
      signal,
    ),
  random: () => Math.random(),
};

/** Settles with the promise or rejects when the signal aborts. The promise itself goes on, since others may wait for it. */
export function orAborted<T>(waited: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(reasonOf(signal));
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
    void waited.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}

/** Returns the reason of an aborted signal. The caller's own reason is thrown unchanged. */
export function reasonOf({ reason }: AbortSignal): Error {
  return reason as Error;
}

/**
 * Aborts a call by its caller's signal or by timeout. For ordinary calls the time runs from start to end of the response; for streams it
 * runs only while the service is silent.
 */
export class Deadline {
  readonly #controller = new AbortController();
  readonly #ms: number;
  readonly #isForSilence: boolean;
  readonly #caller: AbortSignal | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(ms: number, { caller, isForSilence }: { caller: AbortSignal | undefined; isForSilence: boolean }) {
    this.#ms = ms;
    this.#isForSilence = isForSilence;
    this.#caller = caller;
    caller?.addEventListener('abort', this.#abort, { once: true });
    if (caller?.aborted === true) this.#abort();
    else this.#start();
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Waiting for the service: its silence counts. */
  resume(): void {
    if (this.#isForSilence && !this.signal.aborted) this.#start();
  }

  /** Waiting for the caller. */
  pause(): void {
    if (this.#isForSilence) clearTimeout(this.#timer);
  }

  /** Ends the call. */
  release(): void {
    clearTimeout(this.#timer);
    this.#caller?.removeEventListener('abort', this.#abort);
  }

  #start(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#controller.abort(new ApiError('timeout', `No response within ${this.#ms} ms.`));
    }, this.#ms);
  }

  readonly #abort = (): void => {
    clearTimeout(this.#timer);
    this.#controller.abort(this.#caller?.reason);
  };
}
