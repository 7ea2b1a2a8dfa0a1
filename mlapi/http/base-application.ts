import express, { type Express } from 'express';
import type { Config } from '../config/config.ts';
import type { Logger } from '../telemetry/logger.ts';
import { cors } from './cors.ts';
import { requestId } from './request-id.ts';
import { strictRequestLine } from './request-line.ts';
import { requestLog } from './request-log.ts';
import { securityHeaders } from './security-headers.ts';
import { trustProxy } from './trust-proxy.ts';

/** What every request meets first, whatever is mounted after: the same while the service starts as when it is ready. */
export function createBaseApplication(
  config: Pick<Config, 'corsOrigins' | 'trustProxy' | 'socket'>,
  logger: Logger,
): Express {
  const application = express();
  application.disable('x-powered-by').disable('etag').enable('case sensitive routing').set('query parser', false);
  trustProxy(application, config);
  application.use(requestId, requestLog(logger), securityHeaders(), strictRequestLine, cors(config.corsOrigins));
  return application;
}
