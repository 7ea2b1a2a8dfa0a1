import { type Metrics, noMetrics } from './metrics.ts';
import type { OutletConfig, OutletLogger, Outlets, ReadMetrics } from './outlets.ts';

/** Whether metrics are wanted: `MLAPI_METRICS_PORT` or `MLAPI_OTLP_ENDPOINT` is set. */
export function isMeasured({ metricsPort, otlpEndpoint }: Partial<OutletConfig>): boolean {
  return metricsPort !== undefined || otlpEndpoint !== undefined;
}

/** Creates the metrics of this process, if they are wanted. Otherwise, nothing is loaded. */
export async function createMetrics(config: Partial<OutletConfig>): Promise<Metrics> {
  if (!isMeasured(config)) return noMetrics;
  const { ProcessMetrics } = await import('./metrics-process.ts');
  return new ProcessMetrics();
}

/** Opens the outlets of metrics, if they are wanted. Otherwise, nothing is loaded. @throws {Error} if one cannot be opened */
export async function openOutlets(
  config: OutletConfig,
  logger: OutletLogger,
  read: ReadMetrics,
): Promise<Outlets | undefined> {
  if (!isMeasured(config)) return undefined;
  const { Outlets } = await import('./outlets.ts');
  const outlets = new Outlets(read);
  await outlets.configure(config, logger);
  return outlets;
}
