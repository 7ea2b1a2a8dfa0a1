import { STATUS_CODES, type IncomingMessage } from 'node:http';
import type { ErrorRequestHandler, RequestHandler } from 'express';
import { isStorageFault } from '../../persistence/busy.ts';
import { Exchange } from '../exchange.ts';
import { Problem, serviceBusy } from '../problem.ts';
import { shapeOf } from './error-shape.ts';
import { send } from './send.ts';

const maxDiscardedBytes = 1_048_576;
const problemMediaType = 'application/problem+json';

/** Last handler: 404. */
export const notFound: RequestHandler = () => {
  throw new Problem(404, 'not_found', 'Nothing is served at this path.');
};

/** Turns errors thrown by handlers into responses. */
export const errorResponses: ErrorRequestHandler = (error: unknown, request, _response, _next) => {
  sendError(error, Exchange.of(request));
};

/** Sends an error in the format of the protocol that the path belongs to. */
export function sendError(error: unknown, exchange: Exchange): void {
  const problem = toProblem(error);
  const { request, response, target } = exchange;
  if (response.headersSent) {
    // Part of a response has been sent: break the connection, so that the client does not take it for complete.
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
 * Whether Node may discard the rest of the body and keep the connection. Closing at once could reset the connection before the client has
 * read the response. Bodies of unknown or large size are not read. (Node closes by itself if it has not sent "100 Continue".)
 */
function canDiscardRest({ complete, headers }: IncomingMessage): boolean {
  if (complete) return true;
  return headers['transfer-encoding'] === undefined && Number(headers['content-length'] ?? 0) <= maxDiscardedBytes;
}

function toProblem(error: unknown): Problem {
  if (error instanceof Problem) return error;
  if (isStorageFault(error)) return serviceBusy(error);
  return new Problem(
    500,
    'internal_error',
    'Internal error; the operator can find the cause in the log by the request id.',
    {
      cause: error,
    },
  );
}

/** Returns an error as problem details (RFC 9457). */
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
