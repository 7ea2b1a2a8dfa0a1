import { STATUS_CODES, type IncomingMessage } from 'node:http';
import type { ErrorRequestHandler, RequestHandler } from 'express';
import { isStorageFault } from '../../persistence/busy.ts';
import { Exchange } from '../exchange.ts';
import { Problem, serviceBusy } from '../problem.ts';
import { shapeOf } from './error-shape.ts';
import { send } from './send.ts';

const maxDiscardedBytes = 1_048_576;
const problemMediaType = 'application/problem+json';

/** Ends the list of routes. */
export const notFound: RequestHandler = () => {
  throw new Problem(404, 'not_found', 'There is nothing at this path.');
};

/** Where errors of the application become responses. */
export const errorResponses: ErrorRequestHandler = (error: unknown, request, _response, _next) => {
  sendError(error, Exchange.of(request));
};

/** Where errors of requests become responses, in the shape of the protocol that the path belongs to. */
export function sendError(error: unknown, exchange: Exchange): void {
  const problem = toProblem(error);
  const { request, response, target } = exchange;
  if (response.headersSent) {
    // Half an answer cannot be taken back: the client must not take it for a whole one.
    if (!response.writableEnded) response.destroy();
    return;
  }
  exchange.code = problem.code;
  exchange.cause = problem.cause;
  if (!canDiscardRest(request)) exchange.headers.set('connection', 'close');
  const shape = shapeOf(exchange.errorShapes, target);
  send(exchange, {
    status: problem.status,
    headers: { ...problem.headers, 'content-type': shape?.mediaType ?? problemMediaType },
    body: shape?.body(problem) ?? problemDetails(problem, target, exchange.id),
  });
}

/**
 * Whether Node may throw away what is left of the body and keep the connection: closing at once could reset it before the
 * sender has read the answer. Nobody may send without end. (Node itself closes where it did not say "100 Continue".)
 */
function canDiscardRest({ complete, headers }: IncomingMessage): boolean {
  if (complete) return true;
  return headers['transfer-encoding'] === undefined && Number(headers['content-length'] ?? 0) <= maxDiscardedBytes;
}

function toProblem(error: unknown): Problem {
  if (error instanceof Problem) return error;
  if (isStorageFault(error)) return serviceBusy(error);
  return new Problem(500, 'internal_error', 'The service failed; the operator finds the cause under the request id.', {
    cause: error,
  });
}

/** RFC 9457. */
export function problemDetails(problem: Problem, target: string, requestId: string): object {
  const { status, code, message, errors } = problem;
  return {
    type: `urn:mlapi:problem:${code}`,
    title: STATUS_CODES[status] ?? 'Error',
    status,
    detail: message,
    instance: target.split('?', 1)[0],
    code,
    request_id: requestId,
    ...(errors !== undefined && errors.length > 0 && { errors }),
  };
}
