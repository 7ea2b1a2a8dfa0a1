import type { Exchange } from '../exchange.ts';

/**
 * Allows browsers of exactly these origins to call with a bearer token, never with cookies. Without origins, no CORS headers are sent.
 * @returns a function that returns whether it has answered the request, which it does for preflights
 */
export function corsOf(origins: readonly string[]): (exchange: Exchange) => boolean {
  const allowed = new Set(origins);
  return ({ request, response, headers }) => {
    if (allowed.size > 0) headers.set('vary', 'Origin');
    const { origin } = request.headers;
    if (origin === undefined || !allowed.has(origin)) return false;
    headers.set('access-control-allow-origin', origin);
    headers.set(
      'access-control-expose-headers',
      'X-Request-Id, Retry-After, WWW-Authenticate, RateLimit, RateLimit-Policy',
    );
    if (request.method !== 'OPTIONS' || request.headers['access-control-request-method'] === undefined) return false;
    headers.set('access-control-allow-methods', 'GET, HEAD, POST');
    headers.set('access-control-allow-headers', 'Authorization, Content-Type, X-Request-Id');
    headers.set('access-control-max-age', '600');
    response.writeHead(204, headers.flat).end();
    return true;
  };
}
