import type { Config } from '../../config/config.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { CounterHome, Counters, RemoteCounters } from './counters.ts';
import { MemoryCounterHome } from './window-counters.ts';

interface CounterOptions {
  /** Milliseconds that only go forward. */
  readonly monotonicClock: () => number;
  readonly logger: Logger;
  /** Where they are kept without Redis; unset: in the memory of this process. */
  readonly localCounters: CounterHome | undefined;
}

interface OpenCounterHome extends CounterHome {
  /** Rejects while the counters cannot be reached. */
  check(): Promise<void>;
  close(): void;
}

/**
 * Opens the home of the counters: Redis where the configuration names one, else the memory of this process or its supervisor.
 * While Redis is away, the limits before tokens and passwords refuse; the limit per client goes on in memory: whom it counts has
 * shown a token.
 */
export async function openCounters(
  { redisUrl }: Pick<Config, 'redisUrl'>,
  { monotonicClock, logger, localCounters }: CounterOptions,
): Promise<OpenCounterHome> {
  const local = localCounters ?? new MemoryCounterHome(monotonicClock);
  if (redisUrl === undefined) {
    return { of: (name, limit) => local.of(name, limit), check: () => Promise.resolve(), close: () => undefined };
  }
  // Its client is larger than all the rest of this folder.
  const { RedisCounterHome } = await import('./redis-counters.ts');
  const redis = await RedisCounterHome.open(redisUrl, logger);
  return {
    of: (name, limit) => (name === 'per-client' ? firstOf(redis.of(name), local.of(name, limit)) : redis.of(name)),
    check: () => redis.check(),
    close: () => redis.close(),
  };
}

function firstOf(first: RemoteCounters, second: Counters): Counters {
  return {
    increment: (key) => first.increment(key).catch(() => second.increment(key)),
    read: (key) => first.read(key).catch(() => second.read(key)),
  };
}
