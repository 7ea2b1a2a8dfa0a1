import type { CoreConfig } from '../../config/core-config.ts';
import type { Logger } from '../logger.ts';
import { OtlpOutlet } from '../otlp/otlp-outlet.ts';
import type { OtlpConfig } from '../otlp/variables.ts';
import { addUp } from './metrics-total.ts';
import type { MetricSnapshot } from './metrics.ts';
import { PrometheusOutlet } from './prometheus-outlet.ts';

/** Where metrics are wanted. */
export type OutletConfig = Pick<CoreConfig, 'metricsPort'> & Partial<OtlpConfig>;

/** Reads the metrics of each process of the service. */
export type ReadMetrics = () => Promise<readonly (readonly MetricSnapshot[])[]>;

export type OutletLogger = Pick<Logger, 'error' | 'info'>;

/** One way by which metrics leave the service. */
export interface Outlet {
  /** Begins, changes or ends, as configured. @throws {Error} if it cannot; then nothing has changed */
  configure(config: OutletConfig, logger: OutletLogger): Promise<void>;
  /** Passes on the last counts. */
  finish(): Promise<void>;
}

/** All ways by which metrics leave the service. */
export class Outlets {
  readonly #outlets: readonly Outlet[];

  constructor(read: ReadMetrics) {
    this.#outlets = [new PrometheusOutlet(read), new OtlpOutlet(async () => addUp(await read()))];
  }

  async configure(config: OutletConfig, logger: OutletLogger): Promise<void> {
    for (const outlet of this.#outlets) await outlet.configure(config, logger);
  }

  async finish(): Promise<void> {
    await Promise.all(this.#outlets.map((outlet) => outlet.finish()));
  }
}
