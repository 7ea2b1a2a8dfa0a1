/** Long-term retries per request: a failing server must not get twice the load. */
const share = 0.1;
const most = 10;
/** A retry is not worthwhile if the first attempt took longer. */
const longestTryMs = 1_000;

/** Token bucket that limits retries. */
export class RetryBudget {
  #left = 1;

  /** Counts a request. */
  earn(): void {
    this.#left = Math.min(most, this.#left + share);
  }

  /**
   * Whether a retry is allowed; if so, spends one.
   * @param tookMs duration of the first attempt
   * @param leftMs time until the deadline
   */
  spend({ tookMs, leftMs }: { tookMs: number; leftMs: number }): boolean {
    if (this.#left < 1 || tookMs > longestTryMs || leftMs < 2 * tookMs) return false;
    this.#left -= 1;
    return true;
  }
}
