import { createHmac, randomBytes } from 'node:crypto';
import { windowMs, type CounterStore, type CounterName, type Counters, type WindowCount } from './counters.ts';

const maxKeys = 50_000;
const overflowBuckets = 4_096;

/** Counters in the memory of this process. */
export class MemoryCounterStore implements CounterStore {
  readonly #monotonicClock: () => number;
  readonly #counters = new Map<CounterName, WindowCounters>();

  /** @param monotonicClock monotonic, in milliseconds */
  constructor(monotonicClock: () => number) {
    this.#monotonicClock = monotonicClock;
  }

  counter(name: CounterName): WindowCounters {
    const counters = this.#counters.get(name) ?? new WindowCounters(this.#monotonicClock);
    this.#counters.set(name, counters);
    return counters;
  }
}

/**
 * Counts by key in windows of one minute, in bounded memory: after 50,000 keys in a window, new keys share 4,096 buckets by a secret hash.
 * A flood of keys cannot grow it, evict a counter, or target somebody's bucket.
 */
export class WindowCounters implements Counters {
  readonly #monotonicClock: () => number;
  readonly #secret = randomBytes(32);
  readonly #counts = new Map<string, number>();
  #windowStart: number;

  /** @param monotonicClock milliseconds; setting a wall clock would end or stretch windows */
  constructor(monotonicClock: () => number) {
    this.#monotonicClock = monotonicClock;
    this.#windowStart = monotonicClock();
  }

  increment(key: string): WindowCount {
    return this.add(key, 1);
  }

  /** Adds `times` to the count; a negative number takes counts back. */
  add(key: string, times: number): WindowCount {
    const resetsInMs = this.#enterWindow();
    const bucket = this.#bucketOf(key);
    const count = (this.#counts.get(bucket) ?? 0) + times;
    this.#counts.set(bucket, count);
    return { count, resetsInMs };
  }

  read(key: string): WindowCount {
    const { count, resetsInMs } = this.peek(key);
    return { count, resetsInMs };
  }

  /** Like `read`, with the start of the window as its identity. */
  peek(key: string): WindowCount & { windowStart: number } {
    const resetsInMs = this.#enterWindow();
    return { count: this.#counts.get(this.#bucketOf(key)) ?? 0, resetsInMs, windowStart: this.#windowStart };
  }

  /** @returns milliseconds left in the window */
  #enterWindow(): number {
    const now = this.#monotonicClock();
    if (now >= this.#windowStart + windowMs) {
      this.#counts.clear();
      this.#windowStart = now;
    }
    return this.#windowStart + windowMs - now;
  }

  #bucketOf(key: string): string {
    if (this.#counts.size < maxKeys || this.#counts.has(key)) return key;
    const hash = createHmac('sha256', this.#secret).update(key).digest().readUInt32BE();
    return `overflow ${hash % overflowBuckets}`;
  }
}
