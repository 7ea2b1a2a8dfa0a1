/** A request and its expected response. */
export interface LoadRequest {
  /** The head and the body as sent. */
  readonly text: string;
  /** Bytes after the text, in base64. */
  readonly binary?: string;
  /** The field `predictions` of the response; null if it has none. */
  readonly predictions: readonly (string | number)[] | null;
}

/** The task of the load generator. */
export interface LoadOrder {
  readonly port: number;
  /** Each has one request in flight at a time. */
  readonly connections: number;
  /** Distributed to the connections in turn; each keeps its request. */
  readonly requests: readonly LoadRequest[];
  /** The minimum interval of each connection's requests; by default they follow each other at once. */
  readonly periodMs?: number;
  /** Statuses that are allowed beside 200; counted separately. */
  readonly refusals?: readonly number[];
  readonly warmUpSeconds: number;
  readonly seconds: number;
  /** The serving processes. */
  readonly pids: readonly number[];
  /** Gets SIGUSR2 at the start and at the end of the measured time. */
  readonly signalled?: number;
}

export interface ProcessFigures {
  readonly pid: number;
  /** User and system time of all its threads. */
  readonly cpuSeconds: number;
  readonly rssMib: number;
}

export interface LoadFigures {
  readonly seconds: number;
  readonly requests: number;
  readonly p50Ms: number;
  readonly p90Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  /** CPU time in the measured time, and memory at its end, in the order of the pids. */
  readonly processes: readonly ProcessFigures[];
  /** The generator's own CPU time. */
  readonly cpuSeconds: number;
  /** Latencies of refusals by status, in order of arrival. */
  readonly refusedMs: Readonly<Record<number, readonly number[]>>;
  /** The first wrong statuses, wrong bodies and broken connections. */
  readonly mistakes: readonly string[];
}
