import type { RequestListener } from 'node:http';
import type { Config } from '../config/config.ts';
import type { Logger } from '../telemetry/logger.ts';
import { errorResponses } from './error-responses.ts';
import { healthEndpoints } from './health.ts';
import type { Lifecycle } from './lifecycle.ts';
import { createListener } from './listener.ts';
import { serviceBusy } from './problem.ts';
import { createExpress, routes } from './routes.ts';

/** What answers while keys, database and models are made ready: health; all else is 503. */
export function createStartingApplication(lifecycle: Lifecycle, config: Config, logger: Logger): RequestListener {
  const application = createExpress();
  application.use(routes(healthEndpoints(lifecycle)));
  application.use(() => {
    throw serviceBusy();
  }, errorResponses);
  return createListener(application, config, logger);
}
