const maxMistakes = 10;

/** Counts the responses in the measured time. */
export class Tally {
  readonly mistakes: string[] = [];
  readonly refusedMs: Record<number, number[]> = {};
  isCounting = false;
  #latenciesMs = new Float64Array(65_536);
  #count = 0;

  /** @param latencyMs from writing the request to the last byte of its response */
  answered(latencyMs: number): void {
    if (!this.isCounting) return;
    if (this.#count === this.#latenciesMs.length) {
      const longer = new Float64Array(2 * this.#count);
      longer.set(this.#latenciesMs);
      this.#latenciesMs = longer;
    }
    this.#latenciesMs[this.#count] = latencyMs;
    this.#count += 1;
  }

  /** A response with one of the expected refusal statuses. */
  refused(status: number, latencyMs: number): void {
    if (this.isCounting) (this.refusedMs[status] ??= []).push(latencyMs);
  }

  mistake(what: string): void {
    if (this.mistakes.length < maxMistakes) this.mistakes.push(what);
  }

  /** Exact percentiles, in milliseconds. */
  figures() {
    const sorted = this.#latenciesMs.subarray(0, this.#count).sort();
    const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
    return { requests: this.#count, p50Ms: at(0.5), p90Ms: at(0.9), p99Ms: at(0.99), maxMs: at(1) };
  }
}
