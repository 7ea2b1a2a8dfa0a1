import type { Counters } from '../../http/limits/counters.ts';
import type { Metrics } from '../../telemetry/metrics/metrics.ts';
import { tooManyFailures } from '../problems.ts';

/** Slows down guessing at one name from many addresses; unknown names count like known ones. */
export class FailureCounter {
  readonly #max: number;
  readonly #counters: Counters;
  readonly #metrics: Metrics;

  constructor(maxPerMinute: number, counters: Counters, metrics: Metrics) {
    this.#max = maxPerMinute;
    this.#counters = counters;
    this.#metrics = metrics;
  }

  /** @throws {Problem} 429 once a name has failed too often in this minute */
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
