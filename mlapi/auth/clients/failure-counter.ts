import type { Counters } from '../../http/limits/counters.ts';
import type { Metrics } from '../../telemetry/metrics/metrics.ts';
import { tooManyFailures } from '../problems.ts';

/**
 * Limits failed passwords per name and minute, over all addresses. Unknown names count too, so that the limit does not reveal which exist.
 */
export class FailureCounter {
  readonly #max: number;
  readonly #counters: Counters;
  readonly #metrics: Metrics;

  constructor(maxPerMinute: number, counters: Counters, metrics: Metrics) {
    this.#max = maxPerMinute;
    this.#counters = counters;
    this.#metrics = metrics;
  }

  /** @throws {Problem} 429 `rate_limited` once a name has reached the limit in this minute */
  async check(name: string): Promise<void> {
    const { count, resetsInMs } = await this.#counters.read(name);
    if (count < this.#max) return;
    this.#metrics.rateLimited('failed-passwords');
    throw tooManyFailures(Math.max(1, Math.ceil(resetsInMs / 1_000)));
  }

  async count(name: string): Promise<void> {
    await this.#counters.increment(name);
  }
}
