import { setImmediate as nextTurn } from 'node:timers/promises';
import type { WindowCounters } from '../http/limits/window-counters.ts';
import type { Grant } from './messages.ts';

const maxGranted = 1_000;
/** A lease is at most the remainder below the limit divided by this and the number of workers. */
const share = 4;

/** A worker that counts in advance. */
export interface LeaseHolder {
  /** Takes a lease back. @returns the unused count of the lease */
  recall(key: string): Promise<number>;
}

/**
 * Leases of counts that the supervisor has granted to workers. Leased counts are counted at once. Unused ones are returned before any
 * request is rejected, or when their worker exits.
 */
export class CounterLeases {
  readonly #counters: WindowCounters;
  readonly #workers: () => number;
  /** Leased counts that are not known to be used, by key and holder. */
  readonly #outstanding = new Map<string, Map<LeaseHolder, number>>();
  readonly #recalls = new Map<string, Promise<void>>();
  #window = NaN;

  /** @param workers returns the number of workers */
  constructor(counters: WindowCounters, workers: () => number) {
    this.#counters = counters;
    this.#workers = workers;
  }

  /** Counts a request, and leases more counts if the limit is far away. Over the limit, nothing is leased. */
  take(holder: LeaseHolder, key: string, limit: number): Grant | Promise<Grant> {
    if (this.#count(key) < limit || !this.#outstanding.has(key)) return this.#grant(holder, key, limit);
    return this.#recallAll(key).then(() => this.take(holder, key, limit));
  }

  #grant(holder: LeaseHolder, key: string, limit: number): Grant {
    const left = limit - this.#count(key);
    if (left <= 0) return { ...this.#counters.add(key, 1), granted: 0 };
    const granted = Math.max(1, Math.min(maxGranted, Math.floor(left / (share * this.#workers()))));
    const holders = this.#outstanding.get(key) ?? new Map<LeaseHolder, number>();
    holders.set(holder, (holders.get(holder) ?? 0) + granted);
    this.#outstanding.set(key, holders);
    return { ...this.#counters.add(key, granted), granted };
  }

  /** A worker reports which leased counts it has used. */
  used(holder: LeaseHolder, uses: readonly (readonly [key: string, times: number])[]): void {
    for (const [key, times] of uses) {
      const holders = this.#outstanding.get(key);
      const left = (holders?.get(holder) ?? 0) - times;
      if (left > 0) holders?.set(holder, left);
      else this.#drop(holder, key);
    }
  }

  /** Returns the unused counts of a worker that has exited. */
  release(holder: LeaseHolder): void {
    for (const [key, holders] of [...this.#outstanding]) this.#giveBack(holder, key, holders.get(holder) ?? 0);
  }

  #count(key: string): number {
    const { count, windowStart } = this.#counters.peek(key);
    // Leases expire with their window.
    if (windowStart !== this.#window) this.#outstanding.clear();
    this.#window = windowStart;
    return count;
  }

  /** Concurrent callers share one recall. */
  #recallAll(key: string): Promise<void> {
    const known = this.#recalls.get(key);
    if (known !== undefined) return known;
    const recall = this.#recallNext(key).finally(() => this.#recalls.delete(key));
    this.#recalls.set(key, recall);
    return recall;
  }

  /** Recalls in the next turn: grants of this turn are on their way to the workers by then, ahead of the recall. */
  async #recallNext(key: string): Promise<void> {
    await nextTurn();
    const holders = [...(this.#outstanding.get(key)?.keys() ?? [])];
    await Promise.all(
      holders.map(async (holder) => {
        const unused = await holder.recall(key);
        // At most what it had: the window may have ended meanwhile.
        this.#giveBack(holder, key, Math.min(unused, this.#outstanding.get(key)?.get(holder) ?? 0));
      }),
    );
  }

  #giveBack(holder: LeaseHolder, key: string, unused: number): void {
    if (unused > 0) this.#counters.add(key, -unused);
    this.#drop(holder, key);
  }

  #drop(holder: LeaseHolder, key: string): void {
    const holders = this.#outstanding.get(key);
    holders?.delete(holder);
    if (holders?.size === 0) this.#outstanding.delete(key);
  }
}
