import type { RequestHandler } from 'express';
import type { Logger } from '../telemetry/logger.ts';
import type { Session } from './endpoint.ts';

/** One line a request, when it has been answered or broken off: what was asked, by whom, and the code of the verdict. */
export function requestLog(logger: Logger): RequestHandler {
  return (request, response, next) => {
    const startedAt = performance.now();
    response.once('close', () => {
      const { requestId, code, cause, session } = response.locals as Locals;
      const isFault = response.statusCode >= 500;
      logger.log(isFault ? 'error' : 'info', 'request', {
        request_id: requestId,
        method: request.method,
        path: request.originalUrl.split('?', 1)[0],
        status: response.writableFinished ? response.statusCode : 499,
        code: code ?? (response.writableFinished ? 'ok' : 'aborted'),
        duration_ms: Math.round((performance.now() - startedAt) * 100) / 100,
        address: request.ip,
        ...(session !== undefined && { client: session.clientName }),
        ...(cause !== undefined && { cause }),
      });
    });
    next();
  };
}

interface Locals {
  readonly requestId: string;
  readonly code?: string;
  readonly cause?: unknown;
  readonly session?: Session;
}
