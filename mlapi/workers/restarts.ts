/** A worker that exits sooner than this after becoming ready counts as failed. */
const youngMs = 10_000;
/** Most consecutive failures in one slot: without becoming ready, and in total. */
const maxFailedStarts = 5;
const maxFailures = 10;
const firstDelayMs = 100;
const maxDelayMs = 10_000;

/** Restart policy of one worker slot, whatever process fills it. */
export class Restarts {
  #failedStarts = 0;
  #failures = 0;

  /**
   * Call when the process has exited.
   * @param readyForMs how long it had been ready; undefined if it never was
   * @returns milliseconds until the next start; undefined for a crash loop
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
