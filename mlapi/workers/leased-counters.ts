import type { Counters, WindowCount } from '../http/limits/counters.ts';
import type { Grant } from './messages.ts';

/** Delay of reports in milliseconds: short enough that a killed worker loses next to nothing, long enough to cost nothing. */
const reportDelayMs = 25;
const maxLeases = 10_000;
/** Two estimates of the end of the same window differ by less than this. */
const sameWindowMs = 1_000;

/** Counts of one window that this worker may use without asking. */
interface Lease {
  left: number;
  /** Total across workers, including outstanding leases. */
  counted: number;
  /** By `performance.now()`. */
  readonly endsAt: number;
}

interface LeasedCountersOptions {
  /**
   * Asks the supervisor to count once and to grant a lease. Calls back rather than returning a promise, because a grant must be applied
   * before the next message, which may recall it.
   */
  ask(key: string, resolve: (grant: Grant) => void, reject: (error: Error) => void): void;
  /** Reports the counts used since the last report. */
  report(uses: readonly (readonly [key: string, times: number])[]): void;
}

/**
 * Counters with leases: the supervisor grants a share of what is left below the limit, so that most requests need no message. It recalls
 * unused counts when a client nears its limit, so the limit is exact across workers.
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
    throw new Error('leased counters cannot be read');
  }

  /** Returns the lease. @returns its unused count */
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
