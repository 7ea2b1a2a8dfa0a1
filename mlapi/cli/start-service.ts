import { createApplication, createServices, createStartingListener, type Services } from '../../application.ts';
import type { Config } from '../configuration.ts';
import type { FoundationOptions } from '../foundations.ts';
import { Lifecycle } from '../http/server/lifecycle.ts';
import { Service } from '../http/server/service.ts';
import { createLogger } from '../telemetry/logger.ts';
import { noMetrics } from '../telemetry/metrics/metrics.ts';

interface StartOptions extends FoundationOptions {
  /** Whether liveness is answered while keys, database and models are opened. */
  readonly listensEarly?: boolean;
}

/**
 * Starts the service in this process.
 * @throws if keys, database or models cannot be opened
 * @example
 * const { service, tokens } = await startService(readConfig());
 */
export async function startService(
  config: Config,
  options: StartOptions = {},
): Promise<Services & { service: Service }> {
  const { logger = createLogger(config), lifecycle = new Lifecycle(), metrics = noMetrics } = options;
  const { listensEarly = true, ...foundations } = options;
  const service = new Service({ config, logger, lifecycle });
  if (listensEarly) await service.listen(createStartingListener(config, lifecycle, { logger, metrics }));
  const services = await createServices(config, { ...foundations, logger, lifecycle });
  await services.tokens.schedulePurge(logger);
  await service.serve({ listener: createApplication(services), close: () => services.close() });
  return { ...services, service };
}
