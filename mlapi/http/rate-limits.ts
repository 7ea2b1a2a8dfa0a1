import { isIP } from 'node:net';
import type { Request, RequestHandler, Response } from 'express';
import { ipKeyGenerator, rateLimit, type Store } from 'express-rate-limit';
import type { Config } from '../config/config.ts';
import type { Session } from './endpoint.ts';
import { Problem } from './problem.ts';
import { WindowCounters } from './window-counters.ts';

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
  clock: () => number,
): RequestHandler {
  return limit(authRateLimitPerMinute, 'per-address', clock, (request) => addressKey(request.ip));
}

/** Requests per client: for routes behind the guard. */
export function clientRateLimit(
  { rateLimitPerMinute }: Pick<Config, 'rateLimitPerMinute'>,
  clock: () => number,
): RequestHandler {
  const keyOf = (_request: Request, response: Response) => (response.locals.session as Session).clientId;
  return limit(rateLimitPerMinute, 'per-client', clock, keyOf);
}

function limit(
  perMinute: number,
  identifier: string,
  clock: () => number,
  keyGenerator: (request: Request, response: Response) => string,
): RequestHandler {
  return rateLimit({
    windowMs: 60_000,
    limit: perMinute,
    identifier,
    keyGenerator,
    store: boundedStore(clock),
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
function boundedStore(clock: () => number): Store {
  const counters = new WindowCounters(clock);
  return {
    localKeys: true,
    increment: (key) => {
      const { count, resetsAt } = counters.increment(key);
      // The library compares it with its own clock.
      return { totalHits: count, resetTime: new Date(Date.now() + resetsAt - clock()) };
    },
    decrement: () => undefined,
    resetKey: () => undefined,
  };
}
