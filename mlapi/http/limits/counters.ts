/** How long a counter counts before it begins again. */
export const windowMs = 60_000;

/** Name of a set of counters. Equal keys under two names are two counters, wherever they are kept. */
export type CounterName = 'per-address' | 'per-client' | 'failed-passwords';

/** How often a key was counted in the current window, and how many milliseconds are left of it. */
export interface WindowCount {
  readonly count: number;
  readonly resetsInMs: number;
}

/** Counts by key in windows of one minute. A home that cannot be reached rejects with a Problem, 503. */
export interface Counters {
  /** Counts once more, and answers the new count. */
  increment(key: string): WindowCount | Promise<WindowCount>;
  read(key: string): WindowCount | Promise<WindowCount>;
}

/** Counters that another process keeps. */
export interface RemoteCounters extends Counters {
  increment(key: string): Promise<WindowCount>;
  read(key: string): Promise<WindowCount>;
}

/** Where counters are kept: of one name always the same. */
export interface CounterStore {
  /** @param limit past which everything is refused: below it, some may be counted ahead of time */
  counter(name: CounterName, limit?: number): Counters;
}
