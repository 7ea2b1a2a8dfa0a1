import express, { type Express } from 'express';
import type { Logger } from '../telemetry/logger.ts';
import { routes } from './endpoint.ts';
import { errorResponses } from './error-responses.ts';
import { healthEndpoints } from './health.ts';
import type { Lifecycle } from './lifecycle.ts';
import { serviceBusy } from './problem.ts';
import { requestId } from './request-id.ts';
import { strictRequestLine } from './request-line.ts';
import { requestLog } from './request-log.ts';
import { securityHeaders } from './security-headers.ts';

/** What answers while keys, database and models are made ready: health; all else is 503. */
export function createStartingApplication(lifecycle: Lifecycle, logger: Logger): Express {
  const application = express().disable('x-powered-by').disable('etag').enable('case sensitive routing');
  application.use(requestId, requestLog(logger), securityHeaders(), strictRequestLine);
  application.use(routes(healthEndpoints(lifecycle)));
  application.use(() => {
    throw serviceBusy();
  }, errorResponses);
  return application;
}
