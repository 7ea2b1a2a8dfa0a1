import type { Config } from '../config/config.ts';
import type { CounterName, WindowCount } from '../http/counters.ts';
import type { MetricSnapshot } from '../telemetry/metrics.ts';

/** What a supervisor tells a worker. */
export type SupervisorMessage =
  /** Serve with this configuration; `listensEarly` where nobody else answers yet, so that liveness does from the start. */
  | { readonly type: 'start'; readonly config: Config; readonly listensEarly: boolean }
  /** The service ends: say so in readiness, then finish what is in flight. */
  | { readonly type: 'stop' }
  /** A successor serves: take no more connections, and end when the open ones have. */
  | { readonly type: 'leave' }
  /** The answers to the questions of one `count`, in their order. */
  | { readonly type: 'counts'; readonly id: number; readonly counts: readonly WindowCount[] }
  /** Somebody reads the metrics. */
  | { readonly type: 'measure' };

/** What a worker tells its supervisor. */
export type WorkerMessage =
  /** It listens to its supervisor from now on: what was said before is lost. */
  | { readonly type: 'here' }
  | { readonly type: 'ready'; readonly address: string }
  /** It could not start; the message is the operator's. `isPassing`: storage is away, and may come back. */
  | { readonly type: 'failed'; readonly message: string; readonly isPassing: boolean }
  /** Said every second: the event loop turns. */
  | { readonly type: 'alive' }
  | { readonly type: 'count'; readonly id: number; readonly questions: readonly CountQuestion[] }
  /** Its metrics: when it is asked, and at its end. */
  | { readonly type: 'measured'; readonly metrics: readonly MetricSnapshot[] };

/** What a counter is asked: to count the key once more, or only how often it was counted. */
export interface CountQuestion {
  readonly name: CounterName;
  readonly key: string;
  readonly isCounted: boolean;
}

export const aliveIntervalMs = 1_000;
