import { quantile } from './sampler.ts';

/** Responses so far, and their latencies in the current interval. */
export class Tally {
  readonly goodErrors: string[] = [];
  /** Counts of responses by request. */
  readonly answers = new Map<string, Map<number, number>>();
  #good = 0;
  #hostile = 0;
  #latenciesMs: number[] = [];
  #livenessMs: number[] = [];
  readonly allLivenessMs: number[] = [];
  #total = 0;

  /** All requests that the service may have logged. */
  get total(): number {
    return this.#total;
  }

  good(what: string, status: number, isRight: boolean, latencyMs: number): void {
    this.#count(`good: ${what}`, status);
    this.#good += 1;
    this.#latenciesMs.push(latencyMs);
    if (!isRight && this.goodErrors.length < 100) this.goodErrors.push(`${what}: ${status}`);
  }

  /** A good request without a response. */
  goodFailed(what: string, reason: string): void {
    this.#count(`good: ${what}`, 0);
    if (this.goodErrors.length < 100) this.goodErrors.push(`${what}: ${reason}`);
  }

  /** Status 0: the client did not wait, or the connection was closed without a response. */
  hostile(what: string, status: number): void {
    this.#count(`hostile: ${what}`, status);
    this.#hostile += 1;
  }

  liveness(latencyMs: number): void {
    this.#total += 1;
    this.#livenessMs.push(latencyMs);
    this.allLivenessMs.push(latencyMs);
  }

  /** Returns the figures of the interval, and starts the next one. */
  takeInterval() {
    const figures = {
      good: this.#good,
      hostile: this.#hostile,
      goodP50Ms: quantile(this.#latenciesMs, 0.5),
      goodP99Ms: quantile(this.#latenciesMs, 0.99),
      livenessP99Ms: quantile(this.#livenessMs, 0.99),
    };
    [this.#good, this.#hostile, this.#latenciesMs, this.#livenessMs] = [0, 0, [], []];
    return figures;
  }

  #count(what: string, status: number): void {
    this.#total += 1;
    const counts = this.answers.get(what) ?? new Map<number, number>();
    counts.set(status, (counts.get(status) ?? 0) + 1);
    this.answers.set(what, counts);
  }
}
