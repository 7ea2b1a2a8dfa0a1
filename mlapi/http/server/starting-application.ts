import type { RequestListener } from 'node:http';
import type { CoreConfig } from '../../config/core-config.ts';
import { errorResponses } from '../response/error-responses.ts';
import type { Endpoint } from '../endpoint.ts';
import { healthEndpoints } from '../health/routes.ts';
import type { Lifecycle } from './lifecycle.ts';
import { createListener, type ListenerServices } from './listener.ts';
import { serviceBusy } from '../problem.ts';
import { createExpress, routes } from '../routing/express-router.ts';

/**
 * Serves health requests while keys, database and models are opened; everything else gets 503.
 * @param more public endpoints of features
 */
export function createStartingApplication(
  lifecycle: Lifecycle,
  config: CoreConfig,
  services: ListenerServices,
  more: readonly Endpoint[] = [],
): RequestListener {
  const application = createExpress();
  application.use(routes([...healthEndpoints(lifecycle), ...more]));
  application.use(() => {
    throw serviceBusy();
  }, errorResponses);
  return createListener(application, config, services);
}
