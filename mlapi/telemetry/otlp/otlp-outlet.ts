import type { MetricSnapshot } from '../metrics/metrics.ts';
import type { Outlet, OutletConfig, OutletLogger } from '../metrics/outlets.ts';
import type { MetricsExport } from './metrics-export.ts';

/** Exports the metrics to the configured collector, or to none. */
export class OtlpOutlet implements Outlet {
  readonly #read: () => Promise<readonly MetricSnapshot[]>;
  readonly #startedAt = Date.now();
  #export: MetricsExport | undefined;

  /** @param read returns the metrics of all processes, added up */
  constructor(read: () => Promise<readonly MetricSnapshot[]>) {
    this.#read = read;
  }

  async configure(
    { otlpEndpoint: endpoint, otlpIntervalSeconds: intervalSeconds }: OutletConfig,
    logger: OutletLogger,
  ): Promise<void> {
    const isOff = endpoint === undefined || intervalSeconds === undefined;
    if (!isOff && this.#export?.isTo(endpoint, intervalSeconds) === true) return;
    this.#export?.stop();
    this.#export = undefined;
    if (isOff) return;
    const { MetricsExport } = await import('./metrics-export.ts');
    const read = this.#read;
    this.#export = new MetricsExport({ endpoint, intervalSeconds, logger, startedAt: this.#startedAt, read });
    logger.info('metrics are exported', { collector: new URL(endpoint).origin, interval_seconds: intervalSeconds });
  }

  async finish(): Promise<void> {
    await this.#export?.finish();
  }
}
