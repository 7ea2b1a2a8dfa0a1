import type { Logger } from '../../telemetry/logger.ts';
import type { CounterStore, Counters, SharedCounters } from './counters.ts';
import type { RedisConfig } from './redis-variables.ts';
import { MemoryCounterStore } from './window-counters.ts';

interface CounterOptions {
  /** Monotonic, in milliseconds. */
  readonly monotonicClock: () => number;
  readonly logger: Logger;
  /** Shared with other processes. Default: the memory of this process. */
  readonly localCounters: CounterStore | undefined;
}

interface OpenCounterStore extends CounterStore {
  /** Rejects while the store cannot be reached. */
  check(): Promise<void>;
  close(): void;
}

/**
 * Opens the counter store: Redis if configured, otherwise the local store. While Redis is unreachable, the
 * limits on unauthenticated requests reject with 503; the limit per client falls back to memory, because its clients have a valid token.
 */
export function openCounters(
  { monotonicClock, logger, localCounters }: CounterOptions,
  { redisUrl }: Partial<RedisConfig>,
): Promise<OpenCounterStore> {
  const local = localCounters ?? new MemoryCounterStore(monotonicClock);
  return redisUrl === undefined ? Promise.resolve(openLocal(local)) : openRedis(redisUrl, local, logger);
}

function openLocal(local: CounterStore): OpenCounterStore {
  return {
    counter: (name, limit) => local.counter(name, limit),
    check: () => Promise.resolve(),
    close: () => undefined,
  };
}

async function openRedis(url: string, local: CounterStore, logger: Logger): Promise<OpenCounterStore> {
  // Loaded on demand: the Redis client is larger than the rest of this folder.
  const { RedisCounterStore } = await import('./redis-counters.ts');
  const redis = await RedisCounterStore.open(url, logger);
  return {
    counter: (name, limit) =>
      name === 'per-client' ? firstOf(redis.counter(name), local.counter(name, limit)) : redis.counter(name),
    check: () => redis.check(),
    close: () => redis.close(),
  };
}

function firstOf(first: SharedCounters, second: Counters): Counters {
  return {
    increment: (key) => first.increment(key).catch(() => second.increment(key)),
    read: (key) => first.read(key).catch(() => second.read(key)),
  };
}
