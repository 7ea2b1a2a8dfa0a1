import type { Metrics } from '../../telemetry/metrics/metrics.ts';
import type { CounterStore } from '../limits/counters.ts';
import type { Service } from './service.ts';

/** Parts of the service that belong to the process in which it runs. */
export interface ProcessParts {
  /** Metrics of this process. */
  readonly metrics: Metrics;
  /** Whether liveness is answered while keys, database and models are opened; default: yes. */
  readonly listensEarly?: boolean;
  /** Counter store shared with other processes; default: the memory of this one. */
  readonly localCounters?: CounterStore;
}

/** Builds the services and serves them in this process. */
export type StartServing<Config> = (config: Config, parts: ProcessParts) => Promise<Service>;

/** The program of `npm start`, for what runs it: one process, or a feature that has several. */
export interface ServerProgram<Config> {
  /** File that Node.js runs. */
  readonly path: string;
  /** @throws {ConfigError} naming every mistake */
  readonly readConfig: () => Config;
  /** Loads the application, which a process that serves nothing leaves out. */
  readonly load: () => Promise<StartServing<Config>>;
}
