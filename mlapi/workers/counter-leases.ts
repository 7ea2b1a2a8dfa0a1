import { setImmediate as nextTurn } from 'node:timers/promises';
import type { WindowCounters } from '../http/limits/window-counters.ts';
import type { Grant } from './messages.ts';

const maxGranted = 1_000;
/** A lease is at most the remainder below the limit, divided by this and by the number of workers. */
const share = 4;

/** A worker that counts by itself. */
export interface LeaseHolder {
  /** @returns what is left of its lease, which it has then given back */
  recall(key: string): Promise<number>;
}

/**
 * What the supervisor has handed out to be counted by its workers. Everything that is handed out is counted at once; what is not
 * used comes back before anybody is refused, or when its worker ends.
 */
export class CounterLeases {
  readonly #counters: WindowCounters;
  readonly #workers: () => number;
  /** By key and holder: handed out, and not known to be used. */
  readonly #outstanding = new Map<string, Map<LeaseHolder, number>>();
  readonly #recalls = new Map<string, Promise<void>>();
  #window = NaN;

  /** @param workers how many there are to share with */
  constructor(counters: WindowCounters, workers: () => number) {
    this.#counters = counters;
    this.#workers = workers;
  }

  /** Counts once, and more where the limit is far away. Nothing is granted to who is over it. */
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

  /** A worker says what it has used. */
  used(holder: LeaseHolder, uses: readonly (readonly [key: string, times: number])[]): void {
    for (const [key, times] of uses) {
      const holders = this.#outstanding.get(key);
      const left = (holders?.get(holder) ?? 0) - times;
      if (left > 0) holders?.set(holder, left);
      else this.#drop(holder, key);
    }
  }

  /** A worker has ended: what it did not use is there for the others. */
  release(holder: LeaseHolder): void {
    for (const [key, holders] of [...this.#outstanding]) this.#giveBack(holder, key, holders.get(holder) ?? 0);
  }

  #count(key: string): number {
    const { count, windowStart } = this.#counters.peek(key);
    // A new window begins without leases.
    if (windowStart !== this.#window) this.#outstanding.clear();
    this.#window = windowStart;
    return count;
  }

  /** Once for all who ask at the same time. */
  #recallAll(key: string): Promise<void> {
    const known = this.#recalls.get(key);
    if (known !== undefined) return known;
    const recall = this.#recallNext(key).finally(() => this.#recalls.delete(key));
    this.#recalls.set(key, recall);
    return recall;
  }

  /** In the next turn: what was granted in this one is on its way to the workers by then, ahead of the recall. */
  async #recallNext(key: string): Promise<void> {
    await nextTurn();
    const holders = [...(this.#outstanding.get(key)?.keys() ?? [])];
    await Promise.all(
      holders.map(async (holder) => {
        const unused = await holder.recall(key);
        // Not more than it had: the window may have ended meanwhile.
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
