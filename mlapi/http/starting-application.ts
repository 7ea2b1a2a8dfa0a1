import type { RequestListener } from 'node:http';
import type { Config } from '../config/config.ts';
import { errorResponses } from './error-responses.ts';
import { healthEndpoints } from './health.ts';
import type { Lifecycle } from './lifecycle.ts';
import { createListener } from './listener.ts';
import { serviceBusy } from './problem.ts';
import type { Observers } from './request-log.ts';
import { createExpress, routes } from './routes.ts';

/** What answers while keys, database and models are made ready: health; all else is 503. */
export function createStartingApplication(lifecycle: Lifecycle, config: Config, observers: Observers): RequestListener {
  const application = createExpress();
  application.use(routes(healthEndpoints(lifecycle)));
  application.use(() => {
    throw serviceBusy();
  }, errorResponses);
  return createListener(application, config, observers);
}
