import { createHash } from 'node:crypto';
import { createClient } from '@redis/client';
import type { Options as LimiterOptions } from 'express-rate-limit';
import { RedisStore } from 'rate-limit-redis';
import type { Logger } from '../../telemetry/logger.ts';
import { serviceBusy } from '../problem.ts';
import { windowMs, type CounterStore, type CounterName, type SharedCounters, type WindowCount } from './counters.ts';

const responseLimitMs = 1_000;
const firstRetryMs = 100;
const maxRetryMs = 2_000;
const prefix = 'mlapi:';

/** A connection that has answered and not failed yet. */
interface Link {
  readonly client: ReturnType<typeof createClient>;
  readonly store: RedisStore;
}

/**
 * Counters in Redis, shared by several machines. Any fault, including a response that takes over a second, closes the connection: requests
 * are then rejected at once, while new connections are tried until one works. Keys expire after one window.
 */
export class RedisCounterStore implements CounterStore {
  readonly #url: string;
  readonly #logger: Logger;
  #link: Link | undefined;
  #reason = 'not connected yet';
  #retry: NodeJS.Timeout | undefined;
  #isClosed = false;

  private constructor(url: string, logger: Logger) {
    this.#url = url;
    this.#logger = logger;
  }

  /** Connects, or keeps trying in the background. @throws {Error} if the URL is invalid */
  static async open(url: string, logger: Logger): Promise<RedisCounterStore> {
    const home = new RedisCounterStore(url, logger);
    home.#createClient();
    await home.#connect(firstRetryMs);
    if (home.#link === undefined) home.#logLoss();
    return home;
  }

  counter(name: CounterName): SharedCounters {
    return {
      increment: (key) => this.#ask((store) => increment(store, keyOf(name, key))),
      read: (key) => this.#ask(async (store) => toWindowCount(await store.get(keyOf(name, key)))),
    };
  }

  /** Increments a test key, because a read-only replica would answer a ping too. @throws {Problem} 503 */
  async check(): Promise<void> {
    await this.#ask((store) => increment(store, 'check'));
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#retry);
    this.#link?.client.destroy();
    this.#link = undefined;
  }

  async #ask(question: (store: RedisStore) => Promise<WindowCount>): Promise<WindowCount> {
    const link = this.#link;
    if (link === undefined) throw serviceBusy(new RedisUnreachable(this.#reason));
    try {
      return await withinLimit(question(link.store));
    } catch (error) {
      this.#lose(link, error);
      throw serviceBusy(new RedisUnreachable(reasonOf(error)));
    }
  }

  #lose(link: Link, error: unknown): void {
    if (this.#link !== link) return;
    this.#link = undefined;
    link.client.destroy();
    this.#reason = reasonOf(error);
    this.#logLoss();
    this.#connectIn(firstRetryMs);
  }

  #logLoss(): void {
    this.#logger.error('redis is unreachable', { reason: this.#reason });
  }

  #connectIn(delayMs: number): void {
    const connect = () =>
      void this.#connect(Math.min(2 * delayMs, maxRetryMs)).then(() => {
        if (this.#link !== undefined) this.#logger.info('redis is reachable again');
      });
    this.#retry = setTimeout(connect, delayMs).unref();
  }

  async #connect(nextDelayMs: number): Promise<void> {
    const client = this.#createClient();
    const store = new RedisStore({ prefix, sendCommand: (...words) => client.sendCommand(words) });
    const link = { client, store };
    // The client both emits its faults and rejects with them.
    client.on('error', (error) => this.#lose(link, error));
    try {
      await withinLimit(prepare(link));
      if (this.#isClosed) client.destroy();
      else this.#link = link;
    } catch (error) {
      client.destroy();
      this.#reason = reasonOf(error);
      if (!this.#isClosed) this.#connectIn(nextDelayMs);
    }
  }

  #createClient(): Link['client'] {
    try {
      // No automatic reconnect: commands that are sent again would count twice.
      const socket = { connectTimeout: responseLimitMs, reconnectStrategy: false as const };
      return createClient({ url: this.#url, RESP: 2, disableOfflineQueue: true, socket });
    } catch {
      // The library's message may contain the URL and with it the password.
      throw new Error(
        'MLAPI_REDIS_URL is invalid: its path must be empty or a database number; write % in a name or password as %25',
      );
    }
  }
}

/** Message and reason are safe to log. */
class RedisUnreachable extends Error {
  readonly reason: string;

  constructor(reason: string) {
    super(`redis is unreachable: ${reason}`);
    this.name = 'RedisUnreachable';
    this.reason = reason;
  }
}

async function prepare({ client, store }: Link): Promise<void> {
  await client.connect();
  await store.init({ windowMs } as LimiterOptions);
  await increment(store, 'check');
}

async function increment(store: RedisStore, key: string): Promise<WindowCount> {
  const counted = toWindowCount(await store.increment(key));
  if (counted.resetsInMs <= windowMs) return counted;
  // The clock of Redis was set back: reset the key, rather than keep clients waiting.
  await store.resetKey(key);
  return toWindowCount(await store.increment(key));
}

function toWindowCount(answer: Awaited<ReturnType<RedisStore['get']>>): WindowCount {
  // The library returns NaN for a key that was not counted.
  if (answer?.resetTime === undefined || !(answer.totalHits > 0)) return { count: 0, resetsInMs: windowMs };
  return { count: answer.totalHits, resetsInMs: Math.max(0, answer.resetTime.getTime() - Date.now()) };
}

/** Hashes the key: equal length and form for all, and no names or addresses in Redis. */
function keyOf(name: CounterName, key: string): string {
  return createHash('sha256').update(`${name}\n${key}`).digest('base64url');
}

async function withinLimit<T>(answer: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const silence = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new RedisUnreachable('no response within a second')), responseLimitMs);
  });
  return Promise.race([answer, silence]).finally(() => clearTimeout(timer));
}

/** Returns the kind of fault, never its text: Redis repeats arguments that it does not understand, such as a password. */
function reasonOf(error: unknown): string {
  if (error instanceof RedisUnreachable) return error.reason;
  if (typeof error !== 'object' || error === null) return 'unknown';
  if ('code' in error && typeof error.code === 'string') return error.code;
  const word = 'message' in error ? /^[A-Z]+\b/.exec(String(error.message)) : null;
  return word?.[0] ?? error.constructor.name;
}
