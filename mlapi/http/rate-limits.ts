import { isIP } from 'node:net';
import type { Request, RequestHandler, Response } from 'express';
import { ipKeyGenerator, rateLimit, type Store } from 'express-rate-limit';
import type { Config } from '../config/config.ts';
import { windowMs, type Counters } from './counters.ts';
import type { Session } from './endpoint.ts';
import { Problem } from './problem.ts';

/**
 * The key of an address: IPv4 whole, also when mapped into IPv6; IPv6 by its /56, which one customer holds. What a proxy hands on
 * and is no address shares one key.
 */
export function addressKey(address: string | undefined): string {
  if (address === undefined) return 'local';
  return isIP(address) === 0 ? 'no address' : ipKeyGenerator(address, 56);
}

/** Requests per address: for routes that strangers may call. */
export function addressRateLimit(
  { authRateLimitPerMinute }: Pick<Config, 'authRateLimitPerMinute'>,
  counters: Counters,
): RequestHandler {
  return limit(authRateLimitPerMinute, 'per-address', counters, (request) => addressKey(request.ip));
}

/** Requests per client: for routes behind the guard. */
export function clientRateLimit(
  { rateLimitPerMinute }: Pick<Config, 'rateLimitPerMinute'>,
  counters: Counters,
): RequestHandler {
  const keyOf = (_request: Request, response: Response) => (response.locals.session as Session).clientId;
  return limit(rateLimitPerMinute, 'per-client', counters, keyOf);
}

function limit(
  perMinute: number,
  identifier: string,
  counters: Counters,
  keyGenerator: (request: Request, response: Response) => string,
): RequestHandler {
  return rateLimit({
    windowMs,
    limit: perMinute,
    identifier,
    keyGenerator,
    store: storeOf(counters),
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

/** The library's own store keeps every key that a stranger makes up for a minute or two. Nothing is ever taken back from ours. */
function storeOf(counters: Counters): Store {
  return {
    localKeys: true,
    increment: async (key) => {
      const { count, resetsInMs } = await counters.increment(key);
      // The library compares it with its own clock.
      return { totalHits: count, resetTime: new Date(Date.now() + resetsInMs) };
    },
    decrement: () => undefined,
    resetKey: () => undefined,
  };
}
