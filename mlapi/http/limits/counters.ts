/** Length of a counting window. */
export const windowMs = 60_000;

/** Name of a set of counters. The same key under two names is counted separately. */
export type CounterName = 'per-address' | 'per-client' | 'failed-passwords';

/** Count of a key in the current window, and milliseconds until the window ends. */
export interface WindowCount {
  readonly count: number;
  readonly resetsInMs: number;
}

/** Counts by key in windows of one minute. Rejects with a Problem 503 if the store cannot be reached. */
export interface Counters {
  /** Adds one and returns the new count. */
  increment(key: string): WindowCount | Promise<WindowCount>;
  read(key: string): WindowCount | Promise<WindowCount>;
}

/** Counters kept by another process. */
export interface SharedCounters extends Counters {
  increment(key: string): Promise<WindowCount>;
  read(key: string): Promise<WindowCount>;
}

/** Store of counters. The same name always returns the same counters. */
export interface CounterStore {
  /** @param limit count above which everything is rejected; up to it, a process may count some in advance */
  counter(name: CounterName, limit?: number): Counters;
}
