import type { Logger } from '../../telemetry/logger.ts';
import type { Metrics } from '../../telemetry/metrics/metrics.ts';
import { readTraceparent, type Tracing } from '../../telemetry/tracing.ts';
import type { Exchange } from '../exchange.ts';

/** Observers of every request. */
export interface Observers {
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Set if a trace collector is configured. */
  readonly tracing?: Tracing | undefined;
}

/** Logs and counts each request once, when its response is sent or the connection breaks: path, client and outcome code. */
export function recordWhenClosed(exchange: Exchange, { logger, metrics, tracing }: Observers): void {
  const startedAt = performance.now();
  const { request, response } = exchange;
  response.on('close', () => {
    const { id, session, code, cause } = exchange;
    const { statusCode, writableFinished } = response;
    // Node reports a response to a closed connection as written. Only a response that was really sent has detached its socket.
    const isSent = writableFinished && response.socket === null;
    const status = isSent ? statusCode : 499;
    const milliseconds = performance.now() - startedAt;
    const { method = '' } = request;
    const route = exchange.route ?? 'other';
    metrics.requestAnswered({ method, route, status, seconds: milliseconds / 1_000 });
    const trace = tracing && readTraceparent(request.headers.traceparent);
    // Unauthenticated requests are not traced, so that they cannot flood the collector.
    if (trace !== undefined && session !== undefined)
      tracing?.record(trace, { method, route, status, milliseconds, requestId: id });
    const level = statusCode === 500 ? 'error' : 'info';
    const fields = {
      request_id: id,
      method,
      path: exchange.path,
      status,
      code: code ?? outcomeOf(statusCode, isSent),
      duration_ms: Math.round(milliseconds * 100) / 100,
      address: exchange.address,
      ...(session !== undefined && { client: session.clientName }),
      ...(trace !== undefined && { trace_id: trace.traceId }),
    };
    if (writableFinished) exchange.release();
    if (cause === undefined) logger.logOften(level, 'request', fields);
    else logger.log(level, 'request', { ...fields, cause });
  });
}

/** Outcome for the log if no error set a code: readiness sends 503 without one. */
function outcomeOf(status: number, isFinished: boolean): string {
  if (!isFinished) return 'aborted';
  return status < 400 ? 'ok' : 'not_ready';
}
