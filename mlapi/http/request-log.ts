import type { RequestHandler } from 'express';
import type { Logger } from '../telemetry/logger.ts';
import type { Session } from './endpoint.ts';

/** One line a request, when it has been answered or broken off: what was asked, by whom, and the code of the verdict. */
export function requestLog(logger: Logger): RequestHandler {
  return (request, response, next) => {
    const startedAt = performance.now();
    response.once('close', () => {
      const { requestId, code, cause, session } = response.locals as Locals;
      const { statusCode, writableFinished } = response;
      logger.log(statusCode === 500 ? 'error' : 'info', 'request', {
        request_id: requestId,
        method: request.method,
        path: request.originalUrl.split('?', 1)[0],
        status: writableFinished ? statusCode : 499,
        code: code ?? outcomeOf(statusCode, writableFinished),
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

/** What stands in the log where no error gave its code; readiness says 503 without one. */
function outcomeOf(status: number, isFinished: boolean): string {
  if (!isFinished) return 'aborted';
  return status < 400 ? 'ok' : 'not_ready';
}
