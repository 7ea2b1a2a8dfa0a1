/** One request, and what must come back. */
export interface LoadRequest {
  /** The whole request as it is sent: head and body. */
  readonly text: string;
  /** In base64: bytes behind the text. */
  readonly binary?: string;
  /** The field `predictions` of the answer; null where there is none. */
  readonly predictions: readonly (string | number)[] | null;
}

/** What the load generator is to do. */
export interface LoadOrder {
  readonly port: number;
  /** Each with one request on its way at a time. */
  readonly connections: number;
  /** Connections take them in turn, each keeping to its own. */
  readonly requests: readonly LoadRequest[];
  /** How often each of them asks at most; without it, again as soon as it is answered. */
  readonly periodMs?: number;
  /** Statuses that are no mistakes beside 200: they are counted apart. */
  readonly refusals?: readonly number[];
  readonly warmUpSeconds: number;
  readonly seconds: number;
  /** The processes that serve. */
  readonly pids: readonly number[];
  /** Gets SIGUSR2 when the measured time begins, and when it ends. */
  readonly signalled?: number;
}

export interface ProcessFigures {
  readonly pid: number;
  /** User and system time of all its threads. */
  readonly cpuSeconds: number;
  readonly rssMib: number;
}

/** What was seen in the measured time. */
export interface LoadFigures {
  readonly seconds: number;
  readonly requests: number;
  readonly p50Ms: number;
  readonly p90Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  /** Time spent in the measured seconds, and what they hold at the end, in the order of the pids. */
  readonly processes: readonly ProcessFigures[];
  /** The generator's own. */
  readonly cpuSeconds: number;
  /** What each refusal took, by its status, in the order in which they came. */
  readonly refusedMs: Readonly<Record<number, readonly number[]>>;
  /** Wrong statuses, wrong bodies, torn connections: the first of them. */
  readonly mistakes: readonly string[];
}
