/** A worker that ends sooner than this after it got ready has not got anywhere. */
const youngMs = 10_000;
/** How often in a row the worker of one place may fail: without getting ready, and in all. */
const maxFailedStarts = 5;
const maxFailures = 10;
const firstDelayMs = 100;
const maxDelayMs = 10_000;

/** The restarts of one of the workers that shall be there, whichever process it is just now. */
export class Restarts {
  #failedStarts = 0;
  #failures = 0;

  /**
   * Its process ended.
   * @param readyForMs how long it had been ready; undefined if it never was
   * @returns after how many milliseconds to start it again; undefined for a crash loop
   */
  next(readyForMs: number | undefined): number | undefined {
    if (readyForMs !== undefined && readyForMs >= youngMs) {
      this.#failedStarts = 0;
      this.#failures = 0;
      return 0;
    }
    this.#failures += 1;
    this.#failedStarts = readyForMs === undefined ? this.#failedStarts + 1 : 0;
    if (this.#failedStarts > maxFailedStarts || this.#failures > maxFailures) return undefined;
    return Math.min(maxDelayMs, firstDelayMs * 2 ** (this.#failures - 1));
  }
}
