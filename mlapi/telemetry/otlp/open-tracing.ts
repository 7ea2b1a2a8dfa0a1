import type { Logger } from '../logger.ts';
import type { Tracing } from '../tracing.ts';
import type { OtlpConfig } from './variables.ts';

/** Enables tracing if `MLAPI_OTLP_ENDPOINT` is set. Otherwise, nothing is loaded. */
export async function openTracing(
  { otlpEndpoint }: Partial<OtlpConfig>,
  logger: Pick<Logger, 'error' | 'info'>,
): Promise<Tracing | undefined> {
  if (otlpEndpoint === undefined) return undefined;
  const [{ OtlpClient }, { SpanExport }] = await Promise.all([import('./otlp-client.ts'), import('./span-export.ts')]);
  return new SpanExport(new OtlpClient(otlpEndpoint, logger), logger);
}
