import type { CoreConfig } from '../config/core-config.ts';
import type { CounterName, WindowCount } from '../http/limits/counters.ts';
import type { MetricSnapshot } from '../telemetry/metrics/metrics.ts';
import type { OtlpConfig } from '../telemetry/otlp/variables.ts';
import type { WorkersConfig } from './variables.ts';

/** The part of the configuration that is read here; workers get all of it. */
export interface SupervisedConfig extends CoreConfig, WorkersConfig, Partial<OtlpConfig> {}

/** Messages from the supervisor to a worker. */
export type SupervisorMessage =
  /** Serve with this configuration; `listensEarly` where nobody else answers yet, so that liveness does from the start. */
  | { readonly type: 'start'; readonly config: SupervisedConfig; readonly listensEarly: boolean }
  /** The service ends: say so in readiness, then finish what is in flight. */
  | { readonly type: 'stop' }
  /** A successor serves: take no more connections, and end when the open ones have. */
  | { readonly type: 'leave' }
  /** Answers to questions of a `count`. */
  | { readonly type: 'counts'; readonly answers: readonly CountResponse[] }
  /** Give back what is left to be counted of the requests of this client. */
  | { readonly type: 'recall'; readonly key: string }
  /** Somebody reads the metrics. */
  | { readonly type: 'measure' };

/** Messages from a worker to its supervisor. */
export type WorkerMessage =
  /** It listens to its supervisor from now on: what was said before is lost. */
  | { readonly type: 'here' }
  | { readonly type: 'ready'; readonly address: string }
  /** It could not start; the message is the operator's. `isPassing`: storage is away, and may come back. */
  | { readonly type: 'failed'; readonly message: string; readonly isPassing: boolean }
  /** Said every second: the event loop turns. */
  | { readonly type: 'alive' }
  | { readonly type: 'count'; readonly questions: readonly CountQuestion[] }
  /** Requests that it has counted by itself, out of those that were granted. */
  | { readonly type: 'counted'; readonly uses: readonly (readonly [key: string, times: number])[] }
  | { readonly type: 'returned'; readonly key: string; readonly unused: number }
  /** Its metrics: when it is asked, and at its end. */
  | { readonly type: 'measured'; readonly metrics: readonly MetricSnapshot[] };

/** Question to a counter: to count the key once more, or only to read its count. */
export interface CountQuestion {
  /** Its answer has the same. */
  readonly id: number;
  readonly name: CounterName;
  readonly key: string;
  readonly isCounted: boolean;
  /** Where it is given, more than one may be granted below it. */
  readonly limit?: number;
}

/** An answer to it: the worker may count as often as was granted, of which the question is the first. */
export interface Grant extends WindowCount {
  readonly granted: number;
}

export interface CountResponse extends Grant {
  readonly id: number;
}

export const aliveIntervalMs = 1_000;
