import { createHmac, randomBytes } from 'node:crypto';

const windowMs = 60_000;
const maxKeys = 50_000;
const overflowBuckets = 4_096;

/** How often a key was counted in the current window, and when the next one begins, in epoch milliseconds. */
export interface WindowCount {
  readonly count: number;
  readonly resetsAt: number;
}

/**
 * Counts by key in windows of one minute, in bounded memory: once 50,000 keys have been seen in a window, new ones share 4,096
 * buckets under a secret hash. So no flood of keys grows it, pushes a counter out of it, or aims at somebody's bucket.
 */
export class WindowCounters {
  readonly #clock: () => number;
  readonly #secret = randomBytes(32);
  readonly #counts = new Map<string, number>();
  #windowStart = 0;

  constructor(clock: () => number) {
    this.#clock = clock;
  }

  increment(key: string): WindowCount {
    const { count, resetsAt } = this.read(key);
    this.#counts.set(this.#bucketOf(key), count + 1);
    return { count: count + 1, resetsAt };
  }

  read(key: string): WindowCount {
    const now = this.#clock();
    // A clock that steps back begins a window, too: nobody waits for an hour that comes again.
    if (now < this.#windowStart || now >= this.#windowStart + windowMs) {
      this.#counts.clear();
      this.#windowStart = now;
    }
    return { count: this.#counts.get(this.#bucketOf(key)) ?? 0, resetsAt: this.#windowStart + windowMs };
  }

  #bucketOf(key: string): string {
    if (this.#counts.size < maxKeys || this.#counts.has(key)) return key;
    const hash = createHmac('sha256', this.#secret).update(key).digest().readUInt32BE();
    return `overflow ${hash % overflowBuckets}`;
  }
}
