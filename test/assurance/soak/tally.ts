import { quantile } from './sampler.ts';

/** What came back so far, and how long it took in the current interval. */
export class Tally {
  readonly goodErrors: string[] = [];
  /** How often which answer came, by what was asked. */
  readonly answers = new Map<string, Map<number, number>>();
  #good = 0;
  #hostile = 0;
  #latenciesMs: number[] = [];
  #livenessMs: number[] = [];
  readonly allLivenessMs: number[] = [];
  #total = 0;

  /** Everything that the service may have written a line about. */
  get total(): number {
    return this.#total;
  }

  good(what: string, status: number, isRight: boolean, latencyMs: number): void {
    this.#count(`good: ${what}`, status);
    this.#good += 1;
    this.#latenciesMs.push(latencyMs);
    if (!isRight && this.goodErrors.length < 100) this.goodErrors.push(`${what}: ${status}`);
  }

  /** A good request that got no answer. */
  goodFailed(what: string, reason: string): void {
    this.#count(`good: ${what}`, 0);
    if (this.goodErrors.length < 100) this.goodErrors.push(`${what}: ${reason}`);
  }

  /** Status 0: no answer was waited for, or the connection was closed without one. */
  hostile(what: string, status: number): void {
    this.#count(`hostile: ${what}`, status);
    this.#hostile += 1;
  }

  liveness(latencyMs: number): void {
    this.#total += 1;
    this.#livenessMs.push(latencyMs);
    this.allLivenessMs.push(latencyMs);
  }

  /** The interval's figures; the next one begins. */
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
