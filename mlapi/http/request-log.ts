import type { Logger } from '../telemetry/logger.ts';
import type { Exchange } from './exchange.ts';

/** One line a request, when it has been answered or broken off: what was asked, by whom, and the code of the verdict. */
export function logWhenClosed(exchange: Exchange, logger: Logger): void {
  const startedAt = performance.now();
  const { request, response } = exchange;
  response.once('close', () => {
    const { id, session, code, cause } = exchange;
    const { statusCode, writableFinished } = response;
    const level = statusCode === 500 ? 'error' : 'info';
    const fields = {
      request_id: id,
      method: request.method,
      path: exchange.path,
      status: writableFinished ? statusCode : 499,
      code: code ?? outcomeOf(statusCode, writableFinished),
      duration_ms: Math.round((performance.now() - startedAt) * 100) / 100,
      address: exchange.address,
      ...(session !== undefined && { client: session.clientName }),
    };
    if (cause === undefined) logger.logOften(level, 'request', fields);
    else logger.log(level, 'request', { ...fields, cause });
  });
}

/** What stands in the log where no error gave its code; readiness says 503 without one. */
function outcomeOf(status: number, isFinished: boolean): string {
  if (!isFinished) return 'aborted';
  return status < 400 ? 'ok' : 'not_ready';
}
