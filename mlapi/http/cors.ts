import type { RequestHandler } from 'express';

/** Lets browsers of exactly these origins call with a bearer token; never with cookies. Without origins, nothing is said. */
export function cors(origins: readonly string[]): RequestHandler {
  const allowed = new Set(origins);
  return (request, response, next) => {
    if (allowed.size > 0) response.vary('Origin');
    const { origin } = request.headers;
    if (origin === undefined || !allowed.has(origin)) {
      next();
      return;
    }
    response.setHeader('access-control-allow-origin', origin);
    response.setHeader(
      'access-control-expose-headers',
      'X-Request-Id, Retry-After, WWW-Authenticate, RateLimit, RateLimit-Policy',
    );
    const isPreflight = request.method === 'OPTIONS' && request.headers['access-control-request-method'] !== undefined;
    if (!isPreflight) {
      next();
      return;
    }
    response.setHeader('access-control-allow-methods', 'GET, HEAD, POST');
    response.setHeader('access-control-allow-headers', 'Authorization, Content-Type, X-Request-Id');
    response.setHeader('access-control-max-age', '600');
    response.status(204).end();
  };
}
