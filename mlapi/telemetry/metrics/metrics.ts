/** A metric at one moment, in the form in which prom-client passes it between processes. */
export interface MetricSnapshot {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  /** How the values of several processes are aggregated. */
  readonly aggregator: string;
  readonly values: readonly MetricValue[];
}

export interface MetricValue {
  readonly labels: Readonly<Record<string, string | number>>;
  readonly value: number;
  /** Name of a histogram series, with `_bucket`, `_sum` or `_count`. */
  readonly metricName?: string;
}

/** Names of the rate limits. */
export type LimitName = 'per-address' | 'per-client' | 'failed-passwords';

export interface AnsweredRequest {
  readonly method: string;
  /** Path of the endpoint, such as `/api/models/{name}`, or `other`. Never the path that a caller sent. */
  readonly route: string;
  readonly status: number;
  readonly seconds: number;
}

export interface ObservedModel {
  /** Name of a loaded model. */
  readonly model: string;
  readonly version: string;
}

/** One run of a model, possibly shared by several requests. */
export interface ObservedRun extends ObservedModel {
  readonly executor: 'inline' | 'child' | 'remote';
  readonly requests: number;
  readonly rows: number;
  readonly queueSeconds: number;
  readonly runSeconds: number;
  readonly outcome: 'ok' | 'failed' | 'timeout' | 'crashed';
}

/** Values that are read only when metrics are requested. */
export interface MetricSources {
  readonly tokenCacheEntries?: () => number;
  /** Bytes by model. */
  readonly modelMemoryBytes?: () => Iterable<readonly [model: string, bytes: number]>;
  /** Number of models in memory, by row-wise verdict. */
  readonly modelVerdicts?: () => Iterable<{
    readonly model: string;
    readonly verdict: string;
    readonly models: number;
  }>;
  /** Metrics of features. */
  readonly others?: () => readonly MetricSnapshot[];
}

/** Metrics of this process. Every method is cheap enough to call on every request. */
export interface Metrics {
  requestAnswered(request: AnsweredRequest): void;
  rateLimited(limit: LimitName): void;
  /** Counts a lookup in the token cache. */
  tokenLookup(isHit: boolean): void;
  logLinesDropped(lines: number): void;
  /** Counts a run; with `shed`, satisfies `InferenceObserver`. */
  ran(run: ObservedRun): void;
  /** Counts a request rejected because the queue was too long. */
  shed(model: ObservedModel): void;
  watch(sources: MetricSources): void;
  read(): Promise<MetricSnapshot[]>;
}

/** Used when metrics are not configured. */
export const noMetrics: Metrics = {
  requestAnswered: () => undefined,
  rateLimited: () => undefined,
  tokenLookup: () => undefined,
  logLinesDropped: () => undefined,
  ran: () => undefined,
  shed: () => undefined,
  watch: () => undefined,
  read: () => Promise.resolve([]),
};
