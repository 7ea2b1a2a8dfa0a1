import { STATUS_CODES, type IncomingMessage } from 'node:http';
import type { ErrorRequestHandler, RequestHandler } from 'express';
import { isStorageFault } from '../../persistence/busy.ts';
import { Exchange } from '../exchange.ts';
import { Problem, serviceBusy } from '../problem.ts';
import { send } from './send.ts';

const maxDiscardedBytes = 1_048_576;
const maxMistakesInText = 3;

/** Ends the list of routes. */
export const notFound: RequestHandler = () => {
  throw new Problem(404, 'not_found', 'There is nothing at this path.');
};

/** Where errors of the application become responses. */
export const errorResponses: ErrorRequestHandler = (error: unknown, request, _response, _next) => {
  sendError(error, Exchange.of(request));
};

interface ErrorShape {
  readonly mediaType: string;
  readonly body: (problem: Problem, exchange: Exchange) => object;
}

/** By the first segment of the path; all else is RFC 9457. */
const errorShapes: Readonly<Record<string, ErrorShape>> = {
  auth: { mediaType: 'application/json', body: oauthError },
  v2: { mediaType: 'application/json', body: inferenceError },
};
const usualShape: ErrorShape = {
  mediaType: 'application/problem+json',
  body: (problem, { target, id }) => problemDetails(problem, target, id),
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
  const { mediaType, body } = errorShapes[/^\/(auth|v2)(?:[/?]|$)/.exec(target)?.[1] ?? ''] ?? usualShape;
  send(exchange, {
    status: problem.status,
    headers: { ...problem.headers, 'content-type': mediaType },
    body: body(problem, exchange),
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

const oauthCodes = new Set([
  'invalid_request',
  'invalid_client',
  'invalid_grant',
  'unauthorized_client',
  'unsupported_grant_type',
  'invalid_token',
  'invalid_scope',
  'insufficient_scope',
  'temporarily_unavailable',
]);

/** RFC 6749 section 5.2: a code from the standard's list, and a description in its ASCII subset. */
function oauthError({ status, code, message }: Problem): object {
  const standard = status >= 500 ? 'server_error' : 'invalid_request';
  return {
    error: oauthCodes.has(code) ? code : standard,
    error_description: message.replace(/[^\x20-\x21\x23-\x5b\x5d-\x7e]/g, "'"),
  };
}

/** The Open Inference Protocol: one sentence for people, with the first mistakes where there are several. */
function inferenceError({ message, errors = [] }: Problem): object {
  const mistakes = errors.slice(0, maxMistakesInText).map(({ pointer, detail }) => ` ${pointer}: ${detail}.`);
  return { error: message + mistakes.join('') };
}
