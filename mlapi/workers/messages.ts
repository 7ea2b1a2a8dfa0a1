import type { CoreConfig } from '../config/core-config.ts';
import type { CounterName, WindowCount } from '../http/limits/counters.ts';
import type { MetricSnapshot } from '../telemetry/metrics/metrics.ts';
import type { OutletConfig } from '../telemetry/metrics/outlets.ts';
import type { WorkersConfig } from './variables.ts';

/** The part of the configuration that is read here; workers get all of it. */
export interface SupervisedConfig extends CoreConfig, WorkersConfig, OutletConfig {}

/** Messages from the supervisor to a worker. */
export type SupervisorMessage =
  /** Serve with this configuration. `listensEarly`: listen before the models are loaded, because no other process answers liveness yet. */
  | { readonly type: 'start'; readonly config: SupervisedConfig; readonly listensEarly: boolean }
  /** The service stops: fail readiness, then finish the requests in flight. */
  | { readonly type: 'stop' }
  /** A successor serves: accept no more connections, and exit when the open ones have closed. */
  | { readonly type: 'leave' }
  /** Answers to the questions of `count`. */
  | { readonly type: 'counts'; readonly answers: readonly CountResponse[] }
  /** Return the unused lease of this client. */
  | { readonly type: 'recall'; readonly key: string }
  /** Metrics were requested. */
  | { readonly type: 'measure' };

/** Messages from a worker to its supervisor. */
export type WorkerMessage =
  /** The worker receives messages from now on; earlier ones are lost. */
  | { readonly type: 'here' }
  | { readonly type: 'ready'; readonly address: string }
  /** The worker could not start; the message is for the operator. `isPassing`: storage is unavailable and may recover. */
  | { readonly type: 'failed'; readonly message: string; readonly isPassing: boolean }
  /** Sent every second while the event loop runs. */
  | { readonly type: 'alive' }
  | { readonly type: 'count'; readonly questions: readonly CountQuestion[] }
  /** Leased counts that were used. */
  | { readonly type: 'counted'; readonly uses: readonly (readonly [key: string, times: number])[] }
  | { readonly type: 'returned'; readonly key: string; readonly unused: number }
  /** Metrics of the worker: on request and at its end. */
  | { readonly type: 'measured'; readonly metrics: readonly MetricSnapshot[] };

/** A request to count a key once, or only to read its count. */
export interface CountQuestion {
  /** Copied into the answer. */
  readonly id: number;
  readonly name: CounterName;
  readonly key: string;
  readonly isCounted: boolean;
  /** If given, counts below this limit may be leased. */
  readonly limit?: number;
}

/** Answer to a question: the worker may count `granted` times, including the question itself. */
export interface Grant extends WindowCount {
  readonly granted: number;
}

export interface CountResponse extends Grant {
  readonly id: number;
}

export const aliveIntervalMs = 1_000;
