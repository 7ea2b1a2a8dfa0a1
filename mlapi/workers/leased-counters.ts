import type { Counters, WindowCount } from '../http/limits/counters.ts';
import type { Grant } from './messages.ts';

/** Soon enough that a worker which is killed takes next to nothing along, and too rarely to cost anything. */
const reportDelayMs = 25;
const maxLeases = 10_000;
/** Ends of one window, as two clocks see them, differ by less. */
const sameWindowMs = 1_000;

/** Requests that this worker may still count by itself, in one window. */
interface Lease {
  left: number;
  /** By all workers, everything that was leased to them included. */
  counted: number;
  /** By `performance.now()`. */
  readonly endsAt: number;
}

interface LeasedCountersOptions {
  /**
   * Asks the supervisor to count once, and for more that may be counted here. It answers by a call, not by a promise: a grant
   * must be known before the next message, which may recall it.
   */
  ask(key: string, resolve: (grant: Grant) => void, reject: (error: Error) => void): void;
  /** Tells it what was counted here since it was told last. */
  report(uses: readonly (readonly [key: string, times: number])[]): void;
}

/**
 * Counters that are counted ahead: the supervisor hands out a share of what is left below the limit, so that most requests need no
 * word from it. It takes back what is not used once a client nears its limit, which therefore holds exactly over all workers.
 */
export class LeasedCounters implements Counters {
  readonly #options: LeasedCountersOptions;
  readonly #leases = new Map<string, Lease>();
  readonly #unreported = new Map<string, number>();

  constructor(options: LeasedCountersOptions) {
    this.#options = options;
  }

  increment(key: string): WindowCount | Promise<WindowCount> {
    const lease = this.#leases.get(key);
    const now = performance.now();
    return lease !== undefined && lease.left > 0 && now < lease.endsAt ? this.#use(key, lease, now) : this.#extend(key);
  }

  read(): never {
    throw new Error('what is counted ahead is not read');
  }

  /** Gives back what is left of a lease. @returns how much */
  giveBack(key: string): number {
    const lease = this.#leases.get(key);
    this.#leases.delete(key);
    this.#unreported.delete(key);
    return lease?.left ?? 0;
  }

  #extend(key: string): Promise<WindowCount> {
    const askedAt = performance.now();
    return new Promise((resolve, reject) =>
      this.#options.ask(key, (grant) => resolve(this.#take(key, grant, askedAt)), reject),
    );
  }

  #take(key: string, { granted, count, resetsInMs }: Grant, askedAt: number): WindowCount {
    if (granted === 0) return { count, resetsInMs };
    const endsAt = askedAt + resetsInMs;
    const known = this.#leases.get(key);
    const isSame = known !== undefined && Math.abs(endsAt - known.endsAt) < sameWindowMs;
    const lease = isSame ? known : { left: 0, counted: 0, endsAt };
    lease.left += granted;
    lease.counted = Math.max(lease.counted, count);
    if (this.#leases.size >= maxLeases) this.#leases.clear();
    this.#leases.set(key, lease);
    return this.#use(key, lease, askedAt);
  }

  #use(key: string, lease: Lease, now: number): WindowCount {
    lease.left -= 1;
    if (this.#unreported.size === 0) setTimeout(() => this.#report(), reportDelayMs).unref();
    this.#unreported.set(key, (this.#unreported.get(key) ?? 0) + 1);
    return { count: lease.counted - lease.left, resetsInMs: lease.endsAt - now };
  }

  #report(): void {
    if (this.#unreported.size > 0) this.#options.report([...this.#unreported]);
    this.#unreported.clear();
  }
}
