const firstMs = 2_000;
const longestMs = 60_000;
const forgottenAfterMs = 300_000;
const maxRemembered = 1_000;

/** How long stopped models must not be loaded: 2 s, then doubled each time up to a minute, until one has lasted five minutes. */
export class RestPeriods {
  /** Newest last. */
  readonly #byId = new Map<string, { ms: number; endedMs: number }>();

  /**
   * @param nowMs by `performance.now()`
   * @returns milliseconds until it may be loaded again
   */
  after(id: string, nowMs: number): number {
    const before = this.#byId.get(id);
    const isRecent = before !== undefined && nowMs - before.endedMs < forgottenAfterMs;
    const ms = isRecent ? Math.min(longestMs, 2 * before.ms) : firstMs;
    this.#byId.delete(id);
    this.#byId.set(id, { ms, endedMs: nowMs });
    if (this.#byId.size > maxRemembered) this.#byId.delete(this.#byId.keys().next().value!);
    return ms;
  }
}
