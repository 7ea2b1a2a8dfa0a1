import type { Express } from 'express';
import { createBaseApplication } from './base-application.ts';
import { routes } from './endpoint.ts';
import { errorResponses } from './error-responses.ts';
import { healthEndpoints } from './health.ts';
import type { Lifecycle } from './lifecycle.ts';
import { serviceBusy } from './problem.ts';

/** What answers while keys, database and models are made ready: health; all else is 503. */
export function createStartingApplication(
  lifecycle: Lifecycle,
  ...base: Parameters<typeof createBaseApplication>
): Express {
  const application = createBaseApplication(...base);
  application.use(routes(healthEndpoints(lifecycle)));
  application.use(() => {
    throw serviceBusy();
  }, errorResponses);
  return application;
}
