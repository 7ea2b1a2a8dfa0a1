import { STATUS_CODES } from 'node:http';
import type { ErrorRequestHandler, RequestHandler } from 'express';
import { DatabaseBusy } from '../persistence/sqlite.ts';
import { send } from './endpoint.ts';
import { Problem, serviceBusy } from './problem.ts';

/** Ends the list of routes. */
export const notFound: RequestHandler = () => {
  throw new Problem(404, 'not_found', 'There is nothing at this path.');
};

/** The only place where errors become responses: one shape for `/auth` (RFC 6749), one for all else (RFC 9457). */
export const errorResponses: ErrorRequestHandler = (error: unknown, request, response, next) => {
  const problem = toProblem(error);
  response.locals.code = problem.code;
  response.locals.cause = problem.cause;
  if (response.headersSent) {
    next(error);
    return;
  }
  // What is left of a body that nobody read must not be taken for the next request.
  if (!request.complete) response.setHeader('connection', 'close');
  const isAuth =
    request.originalUrl === '/auth' ||
    request.originalUrl.startsWith('/auth/') ||
    request.originalUrl.startsWith('/auth?');
  const body = isAuth
    ? oauthError(problem)
    : problemDetails(problem, request.originalUrl, response.locals.requestId as string);
  const mediaType = isAuth ? 'application/json' : 'application/problem+json';
  send(response, {
    status: problem.status,
    headers: { ...problem.headers, 'content-type': mediaType },
    body,
  });
};

function toProblem(error: unknown): Problem {
  if (error instanceof Problem) return error;
  if (error instanceof DatabaseBusy) return serviceBusy(error);
  const status =
    error instanceof Error && 'status' in error && typeof error.status === 'number' ? error.status : 500;
  switch (status) {
    case 400:
      return new Problem(400, 'invalid_request', 'The request could not be read.', { cause: error });
    case 413:
      return new Problem(413, 'body_too_large', 'The body is larger than this service takes.', {
        cause: error,
      });
    case 415:
      return new Problem(415, 'unsupported_media_type', 'The body must not be compressed.', {
        headers: { 'accept-encoding': 'identity' },
        cause: error,
      });
    default:
      return new Problem(
        500,
        'internal_error',
        'The service failed; the operator finds the cause under the request id.',
        { cause: error },
      );
  }
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
