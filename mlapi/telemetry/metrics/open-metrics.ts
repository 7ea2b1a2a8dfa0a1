import type { CoreConfig } from '../../config/core-config.ts';
import type { OtlpConfig } from '../otlp/variables.ts';
import { type Metrics, noMetrics } from './metrics.ts';

/** Creates metrics if `MLAPI_METRICS_PORT` or `MLAPI_OTLP_ENDPOINT` is set. Otherwise, nothing is loaded. */
export async function createMetrics({
  metricsPort,
  otlpEndpoint,
}: Partial<Pick<CoreConfig, 'metricsPort'> & OtlpConfig>): Promise<Metrics> {
  if (metricsPort === undefined && otlpEndpoint === undefined) return noMetrics;
  const { ProcessMetrics } = await import('./metrics-process.ts');
  return new ProcessMetrics();
}
