import { randomUUID } from 'node:crypto';
import type { RequestHandler } from 'express';

const wellFormed = /^[A-Za-z0-9-]{8,64}$/;

/** Names each request: the caller's `X-Request-Id` where it is well formed, otherwise a new UUID. */
export const requestId: RequestHandler = (request, response, next) => {
  const given = request.headers['x-request-id'];
  const id = typeof given === 'string' && wellFormed.test(given) ? given : randomUUID();
  response.locals.requestId = id;
  response.setHeader('x-request-id', id);
  next();
};
