import type { Config } from '../../config/config.ts';
import type { Logger } from '../logger.ts';
import type { Tracing } from '../tracing.ts';

/** Traces where `MLAPI_OTLP_ENDPOINT` is set. Elsewhere nothing of it is even loaded. */
export async function openTracing(
  { otlpEndpoint }: Pick<Config, 'otlpEndpoint'>,
  logger: Pick<Logger, 'error' | 'info'>,
): Promise<Tracing | undefined> {
  if (otlpEndpoint === undefined) return undefined;
  const [{ OtlpClient }, { SpanExport }] = await Promise.all([import('./otlp-client.ts'), import('./span-export.ts')]);
  return new SpanExport(new OtlpClient(otlpEndpoint, logger));
}
