import { createHash } from 'node:crypto';
import { isIP } from 'node:net';
import type { RequestHandler } from 'express';
import { ipKeyGenerator, rateLimit, type Store } from 'express-rate-limit';
import type { CoreConfig } from '../../config/core-config.ts';
import type { AuditNotices } from '../../telemetry/audit-notices.ts';
import type { Metrics } from '../../telemetry/metrics/metrics.ts';
import { Exchange, type Check } from '../exchange.ts';
import { Problem } from '../problem.ts';
import { readAddress } from '../request/client-address.ts';
import type { Session } from '../session.ts';
import { windowMs, type Counters, type WindowCount } from './counters.ts';

/** Most clients with a cached policy header; then the cache is cleared. */
const maxPolicies = 10_000;

/**
 * Rate-limit key of an address: IPv4 in full, also when mapped into IPv6; IPv6 by its /56, which one customer holds. All strings from a
 * proxy that are not addresses share one key.
 */
export function addressKey(address: string | undefined): string {
  if (address === undefined) return 'local';
  return isIP(address) === 0 ? 'no address' : ipKeyGenerator(address, 56);
}

/** Limits requests per address, for routes that need no token. */
export function addressRateLimit(
  { authRateLimitPerMinute }: Pick<CoreConfig, 'authRateLimitPerMinute'>,
  counters: Counters,
  metrics: Metrics,
): RequestHandler {
  return rateLimit({
    windowMs,
    limit: authRateLimitPerMinute,
    identifier: 'per-address',
    keyGenerator: (request) => addressKey(Exchange.of(request).address),
    store: storeOf(counters),
    // The library searches the function's source for ipKeyGenerator, which addressKey calls.
    validate: { keyGeneratorIpFallback: false },
    standardHeaders: 'draft-8',
    legacyHeaders: false,
    handler: () => {
      metrics.rateLimited('per-address');
      // The limiter has set Retry-After already.
      throw rateLimited();
    },
  });
}

/**
 * Limits requests per client, for routes behind the guard. Sends the same headers as the library at a lower cost per request. Reaching the
 * limit is audited, because it may be an attempt to extract a model.
 */
export function clientRateLimit(
  { rateLimitPerMinute: limit }: Pick<CoreConfig, 'rateLimitPerMinute'>,
  counters: Counters,
  { metrics, notices }: { metrics: Metrics; notices: AuditNotices },
): Check {
  const policies = new Map<string, string>();
  const policyOf = (clientId: string) => {
    const known = policies.get(clientId);
    if (known !== undefined) return known;
    const policy = `"per-client"; q=${limit}; w=${windowMs / 1_000}; pk=:${partitionKey(clientId)}:`;
    if (policies.size >= maxPolicies) policies.clear();
    policies.set(clientId, policy);
    return policy;
  };
  const judge = (session: Session, exchange: Exchange, { count, resetsInMs }: WindowCount) => {
    const { headers } = exchange;
    const seconds = Math.max(0, Math.ceil(resetsInMs / 1_000));
    headers.set('ratelimit', `"per-client"; r=${Math.max(0, limit - count)}; t=${seconds}`);
    headers.set('ratelimit-policy', policyOf(session.clientId));
    if (count <= limit) return;
    metrics.rateLimited('per-client');
    headers.set('retry-after', String(seconds));
    const { clientId, familyId } = session;
    const [address, requestId] = [readAddress(exchange.address), exchange.id];
    const details = { clientId, familyId, address, requestId, detail: `${limit} a minute` };
    const noted = notices.note('rate_limited', details, { mayBeLost: true });
    return refuseAfter(noted);
  };
  return (exchange) => {
    const { session } = exchange;
    if (session === undefined) throw new Error('clientRateLimit must be mounted after the guard');
    const counted = counters.increment(session.clientId);
    if (!(counted instanceof Promise)) return judge(session, exchange, counted);
    return counted.then((count) => judge(session, exchange, count));
  };
}

/** Rejects at once, unless an audit record must be written first. */
function refuseAfter(noted: Promise<void> | undefined): Promise<void> {
  if (noted === undefined) throw rateLimited();
  return noted.then(() => {
    throw rateLimited();
  });
}

function rateLimited(): Problem {
  return new Problem(429, 'rate_limited', 'Too many requests; see Retry-After.');
}

/** Distinguishes clients without naming them, as the library does. */
function partitionKey(key: string): string {
  const digest = createHash('sha256').update(key).digest('hex').slice(0, 12);
  return Buffer.from(digest).toString('base64');
}

/**
 * Adapts `Counters` to the library. Its own store would keep every key that a client makes up for up to two minutes. Counts are never taken
 * back.
 */
function storeOf(counters: Counters): Store {
  return {
    localKeys: true,
    increment: async (key) => {
      const { count, resetsInMs } = await counters.increment(key);
      // The library compares this with the wall clock.
      return { totalHits: count, resetTime: new Date(Date.now() + resetsInMs) };
    },
    decrement: () => undefined,
    resetKey: () => undefined,
  };
}
