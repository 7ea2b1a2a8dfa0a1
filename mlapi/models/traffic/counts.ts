/** Role of a version: serves all clients, a canary's share of them, or as a shadow none. */
export type Role = 'primary' | 'canary' | 'shadow';

export type Outcome = 'ok' | 'refused' | 'failed' | 'skipped';

/** Upper bounds of the latency bins, in seconds. */
export const latencyBounds = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** Counts of a version. Plain data, which can be stored and added. */
export interface Counts {
  /** `refused`: invalid request. `failed`: failure or overload of the model. `skipped`: the shadow was overloaded. */
  readonly requests: Record<Outcome, number>;
  /** Rows of successful requests. */
  rows: number;
  /** Total duration of these requests. */
  seconds: number;
  /** Successful requests per latency bin; the last bin is above all bounds. */
  readonly latency: number[];
  /** Rows that both a version and its shadow predicted, and how many of them differ. */
  compared: number;
  disagreements: number;
}

export function newCounts(): Counts {
  return {
    requests: { ok: 0, refused: 0, failed: 0, skipped: 0 },
    rows: 0,
    seconds: 0,
    latency: new Array<number>(latencyBounds.length + 1).fill(0),
    compared: 0,
    disagreements: 0,
  };
}

/** Returns the index of the latency bin that contains a duration. */
export function latencyBin(seconds: number): number {
  let bin = 0;
  while (bin < latencyBounds.length && seconds > latencyBounds[bin]!) bin += 1;
  return bin;
}

/** @param bin of `latencyBin(seconds)` */
export function countResponse(counts: Counts, rows: number, seconds: number, bin: number): void {
  counts.requests.ok += 1;
  counts.rows += rows;
  counts.seconds += seconds;
  counts.latency[bin] = counts.latency[bin]! + 1;
}

export function addCounts(sum: Counts, more: Counts): void {
  for (const outcome of ['ok', 'refused', 'failed', 'skipped'] as const)
    sum.requests[outcome] += more.requests[outcome];
  sum.rows += more.rows;
  sum.seconds += more.seconds;
  sum.compared += more.compared;
  sum.disagreements += more.disagreements;
  more.latency.forEach((count, bin) => (sum.latency[bin]! += count));
}

/** Returns the bound below which this share of the latencies lies; undefined above the last bound or without any. */
export function latencyQuantile({ latency }: Pick<Counts, 'latency'>, share: number): number | undefined {
  const total = latency.reduce((sum, count) => sum + count, 0);
  let below = 0;
  for (const [bin, bound] of latencyBounds.entries()) {
    below += latency[bin]!;
    if (total > 0 && below >= share * total) return bound;
  }
  return undefined;
}
