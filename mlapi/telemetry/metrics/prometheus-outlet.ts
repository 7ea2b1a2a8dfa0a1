import { MetricsServer } from './metrics-server.ts';
import { toText } from './metrics-total.ts';
import type { Outlet, OutletConfig, OutletLogger, ReadMetrics } from './outlets.ts';

/** Serves the metrics to Prometheus, on the configured port of this machine. */
export class PrometheusOutlet implements Outlet {
  readonly #read: ReadMetrics;
  #server: MetricsServer | undefined;
  #port: number | undefined;

  constructor(read: ReadMetrics) {
    this.#read = read;
  }

  async configure({ metricsPort: port }: OutletConfig, logger: OutletLogger): Promise<void> {
    if (port === this.#port) return;
    const server =
      port === undefined ? undefined : await MetricsServer.open(port, async () => toText(await this.#read()));
    this.#server?.close();
    this.#server = server;
    this.#port = port;
    if (server !== undefined) logger.info('serving metrics', { url: server.url });
  }

  finish(): Promise<void> {
    this.#server?.close();
    return Promise.resolve();
  }
}
