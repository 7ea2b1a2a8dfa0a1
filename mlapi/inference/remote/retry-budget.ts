/** So many retries for each request, in the long run: a server that fails must not get twice the work. */
const share = 0.1;
const most = 10;
/** Neither is worth it where the first try took long. */
const longestTryMs = 1_000;

/** Whether a request may be sent a second time. */
export class RetryBudget {
  #left = 1;

  /** One more request. */
  earn(): void {
    this.#left = Math.min(most, this.#left + share);
  }

  /** @param tookMs the first try @param leftMs until the deadline */
  spend({ tookMs, leftMs }: { tookMs: number; leftMs: number }): boolean {
    if (this.#left < 1 || tookMs > longestTryMs || leftMs < 2 * tookMs) return false;
    this.#left -= 1;
    return true;
  }
}
