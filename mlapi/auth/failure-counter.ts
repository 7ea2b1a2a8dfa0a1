import { WindowCounters } from '../http/window-counters.ts';
import { tooManyFailures } from './refusals.ts';

/** Slows down guessing at one name from many addresses; unknown names count like known ones. */
export class FailureCounter {
  readonly #max: number;
  readonly #counters: WindowCounters;
  readonly #clock: () => number;

  constructor(maxPerMinute: number, clock: () => number) {
    this.#max = maxPerMinute;
    this.#counters = new WindowCounters(clock);
    this.#clock = clock;
  }

  /** @throws {Problem} 429 once a name has failed too often in this minute */
  check(name: string): void {
    const { count, resetsAt } = this.#counters.read(name);
    if (count >= this.#max) throw tooManyFailures(Math.max(1, Math.ceil((resetsAt - this.#clock()) / 1_000)));
  }

  count(name: string): void {
    this.#counters.increment(name);
  }
}
