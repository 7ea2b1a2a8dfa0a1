import type { Request, RequestHandler, Response } from 'express';
import { ipKeyGenerator, rateLimit } from 'express-rate-limit';
import type { Config } from '../config/config.ts';
import type { Session } from './endpoint.ts';
import { Problem } from './problem.ts';

const windowMs = 60_000;

/** The key of an address: IPv4 whole, also when mapped into IPv6; IPv6 by its /56, which one customer holds. */
export function addressKey(address: string | undefined): string {
  return ipKeyGenerator(address ?? 'local', 56);
}

/** Requests per address: for routes that strangers may call. */
export function addressRateLimit({ authRateLimitPerMinute }: Pick<Config, 'authRateLimitPerMinute'>): RequestHandler {
  return limit(authRateLimitPerMinute, 'per-address', (request) => addressKey(request.ip));
}

/** Requests per client: for routes behind the guard. */
export function clientRateLimit({ rateLimitPerMinute }: Pick<Config, 'rateLimitPerMinute'>): RequestHandler {
  return limit(rateLimitPerMinute, 'per-client', (_request, response) => (response.locals.session as Session).clientId);
}

function limit(
  perMinute: number,
  identifier: string,
  keyGenerator: (request: Request, response: Response) => string,
): RequestHandler {
  return rateLimit({
    windowMs,
    limit: perMinute,
    identifier,
    keyGenerator,
    // It looks for ipKeyGenerator in the text of the function; ours calls it in addressKey.
    validate: { keyGeneratorIpFallback: false },
    standardHeaders: 'draft-8',
    legacyHeaders: false,
    handler: () => {
      // The limiter has set Retry-After by now.
      throw new Problem(429, 'rate_limited', 'Too many requests; see Retry-After.');
    },
  });
}
