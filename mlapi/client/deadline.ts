import { ApiError } from './api-error.ts';

/** Clock and timers for waiting; tests bring their own. */
export interface Timing {
  /** Milliseconds that only go forward. */
  now(): number;
  /** @throws the signal's reason */
  wait(ms: number, signal: AbortSignal): Promise<void>;
  /** 0 to 1. */
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

/** Whichever comes first. What is waited for goes on: others may wait for it, too. */
export function orAborted<T>(waited: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(reasonOf(signal));
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
    void waited.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}

/** Returns the reason of an aborted signal; the caller's own reason is thrown as it is. */
export function reasonOf({ reason }: AbortSignal): Error {
  return reason as Error;
}

/**
 * When a call is given up: with its caller's signal, or by time. For a whole call the time runs from its start to the end of its
 * answer; for a stream it runs while the service is silent, and not while the caller is.
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

  /** The service's turn: from now on its silence counts. */
  resume(): void {
    if (this.#isForSilence && !this.signal.aborted) this.#start();
  }

  /** The caller's turn. */
  pause(): void {
    if (this.#isForSilence) clearTimeout(this.#timer);
  }

  /** The call is over. */
  release(): void {
    clearTimeout(this.#timer);
    this.#caller?.removeEventListener('abort', this.#abort);
  }

  #start(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#controller.abort(new ApiError('timeout', `No answer within ${this.#ms} ms.`));
    }, this.#ms);
  }

  readonly #abort = (): void => {
    clearTimeout(this.#timer);
    this.#controller.abort(this.#caller?.reason);
  };
}
