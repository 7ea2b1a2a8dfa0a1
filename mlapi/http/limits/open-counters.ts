import type { Logger } from '../../telemetry/logger.ts';
import type { CounterStore, Counters, RemoteCounters } from './counters.ts';
import type { RedisConfig } from './redis-variables.ts';
import { MemoryCounterStore } from './window-counters.ts';

interface CounterOptions {
  /** Milliseconds that only go forward. */
  readonly monotonicClock: () => number;
  readonly logger: Logger;
  /** Where they are kept without Redis; unset: in the memory of this process. */
  readonly localCounters: CounterStore | undefined;
}

interface OpenCounterStore extends CounterStore {
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
  { redisUrl }: Partial<RedisConfig>,
  { monotonicClock, logger, localCounters }: CounterOptions,
): Promise<OpenCounterStore> {
  const local = localCounters ?? new MemoryCounterStore(monotonicClock);
  if (redisUrl === undefined) {
    return {
      counter: (name, limit) => local.counter(name, limit),
      check: () => Promise.resolve(),
      close: () => undefined,
    };
  }
  // Its client is larger than all the rest of this folder.
  const { RedisCounterStore } = await import('./redis-counters.ts');
  const redis = await RedisCounterStore.open(redisUrl, logger);
  return {
    counter: (name, limit) =>
      name === 'per-client' ? firstOf(redis.counter(name), local.counter(name, limit)) : redis.counter(name),
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
