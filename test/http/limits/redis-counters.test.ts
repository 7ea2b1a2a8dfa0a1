import { readFileSync } from 'node:fs';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { Writable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import winston from 'winston';
import { RedisCounterStore } from '../../../mlapi/http/limits/redis-counters.ts';
import { Problem } from '../../../mlapi/http/problem.ts';
import { Logger } from '../../../mlapi/telemetry/logger.ts';
import { describeRedis, TestRedis, untilCounting } from '../../support/redis.ts';

const opened: RedisCounterStore[] = [];
let lines: string[];
let redis: TestRedis;

async function open(url = redis.url): Promise<RedisCounterStore> {
  const stream = new Writable({ write: (chunk: Buffer, _encoding, done) => done(void lines.push(chunk.toString())) });
  const transports = [new winston.transports.Stream({ stream })];
  const home = await RedisCounterStore.open(url, new Logger(winston.createLogger({ transports })));
  opened.push(home);
  return home;
}

const messages = () => lines.map((line) => (JSON.parse(line) as { message: string }).message);
const reasons = () => lines.map((line) => (JSON.parse(line) as { fields: { reason?: string } }).fields.reason);
const anyTimes = (count: number, ask: () => Promise<unknown>) =>
  Promise.all(Array.from({ length: count }, () => ask().catch((error: unknown) => error)));

beforeEach(async () => {
  lines = [];
  redis = await TestRedis.start();
});
afterEach(async () => {
  for (const home of opened.splice(0)) home.close();
  await redis.kill();
});

describeRedis('counters in Redis', () => {
  test('each key is counted separately, per counter name; reading does not count', async () => {
    const home = await open();
    const [addresses, clients] = [home.counter('per-address'), home.counter('per-client')];
    expect(await addresses.read('a')).toEqual({ count: 0, resetsInMs: 60_000 });
    expect((await addresses.increment('a')).count).toBe(1);
    const { count, resetsInMs } = await addresses.increment('a');
    expect(count).toBe(2);
    expect(resetsInMs).toBeGreaterThan(50_000);
    expect(resetsInMs).toBeLessThanOrEqual(60_000);
    expect((await addresses.read('a')).count).toBe(2);
    expect((await addresses.read('A')).count).toBe(0);
    expect((await clients.read('a')).count).toBe(0);
    expect(lines).toEqual([]);
  });

  test('two stores that count concurrently lose nothing', async () => {
    const homes = [await open(), await open()];
    const counts = await Promise.all(
      Array.from(
        { length: 600 },
        async (_, index) => (await homes[index % 2]!.counter('per-client').increment('busy')).count,
      ),
    );
    expect(counts.sort((a, b) => a - b)).toEqual(Array.from({ length: 600 }, (_, index) => index + 1));
  });

  test('keys have a fixed length, contain no names, and expire within a minute', async () => {
    const home = await open();
    const hostile = ['203.0.113.7', 'demo', 'a\r\nFLUSHALL\r\n', '\0', '*', 'x'.repeat(1_000_000), '\ud800', ''];
    for (const key of hostile) expect((await home.counter('failed-passwords').increment(key)).count).toBe(1);
    const keys = (await redis.command('KEYS', '*')) as string[];
    expect(keys).toHaveLength(hostile.length + 1);
    for (const key of keys) {
      expect(key).toMatch(/^mlapi:(?:[A-Za-z0-9_-]{43}|check)$/);
      const ttl = (await redis.command('PTTL', key)) as number;
      expect(ttl).toBeGreaterThan(0);
      expect(ttl).toBeLessThanOrEqual(60_000);
    }
  });

  test('a wait is at most a minute, even after the clock of Redis was set back', async () => {
    const home = await open();
    await home.counter('per-address').increment('a');
    for (const key of (await redis.command('KEYS', '*')) as string[]) await redis.command('PEXPIRE', key, '3600000');
    const { count, resetsInMs } = await home.counter('per-address').increment('a');
    expect(count).toBe(1);
    expect(resetsInMs).toBeLessThanOrEqual(60_000);
  });

  test('the documented Redis user has every permission needed, and no other', async () => {
    const rights = /ACL SETUSER mlapi on >PASSWORD (.*)/.exec(readFileSync('files/operations.md', 'utf8'))?.[1] ?? '';
    await redis.command('ACL', 'SETUSER', 'mlapi', 'on', '>its-own', ...rights.split(' '));
    const home = await open(redis.url.replace(`:${redis.password}`, 'mlapi:its-own'));
    const counters = home.counter('per-address');
    await counters.increment('a');
    for (const name of (await redis.command('KEYS', '*')) as string[]) await redis.command('PEXPIRE', name, '3600000');
    expect((await counters.increment('a')).count).toBe(1);
    await redis.command('SCRIPT', 'FLUSH');
    expect((await counters.read('a')).count).toBe(1);
    expect((await counters.increment('a')).count).toBe(2);
    expect(lines).toEqual([]);
    for (const command of [['KEYS', '*'], ['GET', 'other'], ['FLUSHALL']]) {
      const verdict = await redis.command('ACL', 'DRYRUN', 'mlapi', ...command);
      expect(verdict).toMatch(/no permissions|can't run/i);
    }
  });

  test('scripts that Redis has lost are loaded again', async () => {
    const home = await open();
    await home.counter('per-address').increment('a');
    await redis.command('SCRIPT', 'FLUSH');
    expect((await home.counter('per-address').read('a')).count).toBe(1);
    expect((await home.counter('per-address').increment('a')).count).toBe(2);
  });
});

describeRedis('Redis unavailable', () => {
  test('503 with Retry-After meanwhile; one log line for the loss, one for the return', async () => {
    const home = await open();
    const counters = home.counter('per-address');
    await redis.kill();
    for (const refusal of await anyTimes(50, () => counters.increment('a'))) {
      expect(refusal).toBeInstanceOf(Problem);
      expect(refusal).toMatchObject({ status: 503, code: 'temporarily_unavailable', headers: { 'retry-after': '1' } });
    }
    await expect(home.check()).rejects.toThrow(Problem);
    expect(messages()).toEqual(['redis is unreachable']);
    await redis.start();
    await untilCounting(home);
    expect((await counters.increment('a')).count).toBe(1);
    expect(messages()).toEqual(['redis is unreachable', 'redis is reachable again']);
  });

  test('at the start: opening does not wait for Redis, and counting begins once it is up', async () => {
    await redis.kill();
    const home = await open();
    await expect(home.counter('per-address').read('a')).rejects.toThrow(Problem);
    expect([messages(), reasons()]).toEqual([['redis is unreachable'], ['ECONNREFUSED']]);
    await redis.start();
    await untilCounting(home);
    expect(messages()).toEqual(['redis is unreachable', 'redis is reachable again']);
  });

  test('hanging: given up after a second, then refused at once', async () => {
    const home = await open();
    redis.freeze();
    const refusals = await anyTimes(20, () => home.counter('per-address').increment('a'));
    expect(refusals.every((refusal) => refusal instanceof Problem)).toBe(true);
    const startedAt = performance.now();
    await anyTimes(1_000, () => home.counter('per-address').increment('a'));
    expect(performance.now() - startedAt).toBeLessThan(900);
    expect(reasons()).toEqual(['no response within a second']);
    redis.thaw();
    await untilCounting(home);
  });

  test('hanging at the start: opening gives up after a second', async () => {
    redis.freeze();
    const home = await open();
    await expect(home.check()).rejects.toThrow(Problem);
    redis.thaw();
    await untilCounting(home);
  });

  test.each([
    ['a read-only replica', 'READONLY', ['REPLICAOF', '127.0.0.1', '1'], ['REPLICAOF', 'NO', 'ONE']],
    ['a full Redis', 'OOM', ['CONFIG', 'SET', 'maxmemory', '1'], ['CONFIG', 'SET', 'maxmemory', '0']],
  ])('%s cannot count: 503, until it can', async (_name, reason, spoil, mend) => {
    const home = await open();
    await redis.command(...spoil);
    await expect(home.check()).rejects.toThrow(Problem);
    await expect(home.counter('per-address').increment('a')).rejects.toThrow(Problem);
    expect(reasons()).toEqual([reason]);
    await redis.command(...mend);
    await untilCounting(home);
  });

  test('a wrong password is logged as such', async () => {
    const home = await open(redis.url.replace(redis.password, 'canary-2'));
    await expect(home.check()).rejects.toThrow(Problem);
    expect(reasons()).toEqual(['WRONGPASS']);
    expect(lines.join('')).not.toContain('canary-2');
  });

  test('a closed store stops reconnecting', async () => {
    const home = await open();
    await redis.kill();
    await anyTimes(1, () => home.check());
    home.close();
    await redis.start();
    await delay(500);
    const connected = (await redis.command('CLIENT', 'LIST')) as string;
    expect(connected.trim().split('\n')).toHaveLength(1);
    expect(messages()).toEqual(['redis is unreachable']);
  });
});

describeRedis('the password in the URL', () => {
  /** Answers every command with an error that repeats the arguments, as servers do for unknown commands. */
  const listenParrot = async (): Promise<Server> => {
    const server = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.on('data', (chunk: Buffer) =>
        socket.write(
          `-ERR unknown command, with args beginning with: ${JSON.stringify(chunk.toString())}\r\n`.repeat(4),
        ),
      );
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return server;
  };

  test('is not repeated if a server repeats it', async () => {
    const server = await listenParrot();
    const home = await open(`redis://demo:canary-1@127.0.0.1:${(server.address() as AddressInfo).port}`);
    const refusal = await home.check().catch((error: unknown) => error as Problem);
    home.close();
    server.close();
    expect(refusal).toBeInstanceOf(Problem);
    expect(reasons()).toEqual(['ERR']);
    expect(lines.join('')).not.toContain('canary-1');
    expect(JSON.stringify((refusal as Problem).cause, ['message', 'reason', 'cause', 'stack'])).not.toContain(
      'canary-1',
    );
  });

  test.each(['redis://demo:canary%zz@127.0.0.1', 'redis://demo:canary@127.0.0.1/database'])(
    'is not repeated if the URL is invalid, and the start fails: %s',
    async (url) => {
      const refusal = await open(url).catch((error: unknown) => error as Error);
      expect((refusal as Error).message).toMatch(/^MLAPI_REDIS_URL is invalid/);
      expect((refusal as Error).stack).not.toContain('canary');
      expect((refusal as Error).cause).toBeUndefined();
    },
  );
});
