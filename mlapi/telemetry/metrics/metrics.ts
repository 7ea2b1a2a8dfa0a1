/** A metric at one moment, in the form in which prom-client hands it from process to process. */
export interface MetricSnapshot {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  /** How the values of several processes become one. */
  readonly aggregator: string;
  readonly values: readonly MetricValue[];
}

export interface MetricValue {
  readonly labels: Readonly<Record<string, string | number>>;
  readonly value: number;
  /** Name of a histogram's series, with `_bucket`, `_sum` or `_count`. */
  readonly metricName?: string;
}

/** The counters' names, as the limits have them. */
export type LimitName = 'per-address' | 'per-client' | 'failed-passwords';

export interface AnsweredRequest {
  readonly method: string;
  /** The path of its endpoint, as `/api/models/{name}`; `other` where no endpoint has it. Never what a caller sent. */
  readonly route: string;
  readonly status: number;
  readonly seconds: number;
}

export interface ObservedModel {
  /** Name of a loaded model. */
  readonly model: string;
  readonly version: string;
}

/** One run of a model, which several requests may have shared. */
export interface ObservedRun extends ObservedModel {
  readonly executor: 'inline' | 'child' | 'remote';
  readonly requests: number;
  readonly rows: number;
  readonly queueSeconds: number;
  readonly runSeconds: number;
  readonly outcome: 'ok' | 'failed' | 'timeout' | 'crashed';
}

/** Values that are read only when metrics are asked for. */
export interface MetricSources {
  readonly tokenCacheEntries?: () => number;
  /** Bytes by model. */
  readonly modelMemoryBytes?: () => Iterable<readonly [model: string, bytes: number]>;
  /** Models in memory, by whether requests may share their runs. */
  readonly modelVerdicts?: () => Iterable<{
    readonly model: string;
    readonly verdict: string;
    readonly models: number;
  }>;
  /** Metrics that features count themselves. */
  readonly others?: () => readonly MetricSnapshot[];
}

/** Metrics of this process. Every method is cheap enough to be called for every request. */
export interface Metrics {
  requestAnswered(request: AnsweredRequest): void;
  rateLimited(limit: LimitName): void;
  /** Whether a token was known already. */
  tokenLookup(isHit: boolean): void;
  logLinesDropped(lines: number): void;
  /** An observer of the inference engine has this method and the next. */
  ran(run: ObservedRun): void;
  /** A request was refused because too many wait. */
  shed(model: ObservedModel): void;
  watch(sources: MetricSources): void;
  read(): Promise<MetricSnapshot[]>;
}

/** Where nobody reads, nothing is counted. */
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
