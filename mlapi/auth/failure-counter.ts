import { createHmac, randomBytes } from 'node:crypto';
import { tooManyFailures } from './refusals.ts';

const windowMs = 60_000;
const buckets = 2 ** 16;

/**
 * Slows down guessing at one name from many addresses. The counters are a fixed table under a secret hash: no flood of
 * names can grow it, or push a counter out of it; unknown names count like known ones.
 */
export class FailureCounter {
  readonly #max: number;
  readonly #clock: () => number;
  readonly #secret = randomBytes(32);
  readonly #counts = new Uint32Array(buckets);
  #windowStart = 0;

  constructor(maxPerMinute: number, clock: () => number) {
    this.#max = maxPerMinute;
    this.#clock = clock;
  }

  /** @throws {Problem} 429 once a name has failed too often in this minute */
  check(name: string): void {
    this.#roll();
    if ((this.#counts[this.#bucket(name)] ?? 0) < this.#max) return;
    throw tooManyFailures(Math.max(1, Math.ceil((this.#windowStart + windowMs - this.#clock()) / 1_000)));
  }

  count(name: string): void {
    this.#roll();
    this.#counts[this.#bucket(name)]! += 1;
  }

  #roll(): void {
    const now = this.#clock();
    if (now >= this.#windowStart && now < this.#windowStart + windowMs) return;
    this.#counts.fill(0);
    this.#windowStart = now;
  }

  #bucket(name: string): number {
    return createHmac('sha256', this.#secret).update(name).digest().readUInt16BE();
  }
}
