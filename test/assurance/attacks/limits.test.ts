import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { RedisCounterStore } from '../../../mlapi/http/limits/redis-counters.ts';
import { WindowCounters } from '../../../mlapi/http/limits/window-counters.ts';
import { createLogger } from '../../../mlapi/telemetry/logger.ts';
import { exchange, faultsOf, type RawResponse } from '../../support/raw-http.ts';
import { describeRedis, TestRedis, untilCounting } from '../../support/redis.ts';
import { FakeClock, startService, type TestService } from '../../support/service.ts';

const limit = 5;
let service: TestService;
beforeAll(async () => {
  service = await startService({ MLAPI_AUTH_RATE_LIMIT_PER_MINUTE: String(limit) });
});
afterAll(() => service.close());

const opened: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of opened.splice(0)) await close();
});

async function startOwn(variables: Record<string, string>): Promise<TestService> {
  const own = await startService(variables);
  opened.push(() => own.close());
  return own;
}

/** A request as the proxy sends it, with headers of the attacker and the proxy in this order. */
async function send(target: string, lines: readonly string[] = [], method = 'POST'): Promise<RawResponse> {
  const head = [`${method} ${target} HTTP/1.1`, 'Host: a', 'Content-Length: 0', 'Connection: close', ...lines];
  const isHead = method === 'HEAD';
  const { answers } = await exchange(service.port, `${head.join('\r\n')}\r\n\r\n`, { isHead });
  expect(answers).toHaveLength(1);
  if (!isHead) expect(faultsOf(answers[0]!)).toEqual([]);
  return answers[0]!;
}

async function statusesOf(requests: readonly (() => Promise<RawResponse>)[]): Promise<number[]> {
  const statuses: number[] = [];
  for (const request of requests) statuses.push((await request()).status);
  return statuses;
}

/** Whether the bucket of an address is full; this request counts too. */
async function isSpent(peer: string): Promise<boolean> {
  return (await send('/auth/refresh', [`X-Forwarded-For: ${peer}`])).status === 429;
}

const refused = Array.from({ length: limit }, () => 401);

describe('D76: forged origins', () => {
  const hops = (count: number, seed: number) =>
    Array.from({ length: count }, (_, at) => `10.${seed}.${at >> 8}.${at & 255}`).join(', ');
  const forgeries: [string, (seed: number, peer: string) => string[]][] = [
    ['one hop before the proxy’s', (seed, peer) => [`X-Forwarded-For: 10.0.0.${seed}, ${peer}`]],
    ['a hundred hops before it', (seed, peer) => [`X-Forwarded-For: ${hops(100, seed)}, ${peer}`]],
    ['a separate header line', (seed, peer) => [`X-Forwarded-For: 10.0.0.${seed}`, `X-Forwarded-For: ${peer}`]],
    ['trusted addresses before it', (seed, peer) => [`X-Forwarded-For: 10.0.0.${seed}, 127.0.0.1, ::1, ${peer}`]],
    ['garbage before it', (seed, peer) => [`X-Forwarded-For: ;;${seed}"'%00<a>, ,,${'x'.repeat(900)}, ${peer}`]],
    ['an address with a zone before it', (seed, peer) => [`X-Forwarded-For: fe80::1%eth${seed}, ${peer}`]],
    ['Forwarded', (seed, peer) => [`Forwarded: for=10.0.0.${seed}`, `X-Forwarded-For: ${peer}`]],
    ['X-Real-IP', (seed, peer) => [`X-Real-IP: 10.0.0.${seed}`, `X-Forwarded-For: ${peer}`]],
    ['CF-Connecting-IP', (seed, peer) => [`CF-Connecting-IP: 10.0.0.${seed}`, `X-Forwarded-For: ${peer}`]],
    ['True-Client-IP', (seed, peer) => [`True-Client-IP: 10.0.0.${seed}`, `X-Forwarded-For: ${peer}`]],
    [
      'X-Client-IP and others',
      (seed, peer) => [
        `X-Client-IP: 10.0.0.${seed}`,
        `X-Cluster-Client-IP: 10.0.0.${seed}`,
        `X-Forwarded: for=10.0.0.${seed}`,
        `Fastly-Client-IP: 10.0.0.${seed}`,
        `X-Forwarded-For: ${peer}`,
      ],
    ],
  ];

  test.each(forgeries.map(([name, lines], index) => [name, lines, `203.0.113.${index}`] as const))(
    '429: %s has no effect, because the address seen by the proxy counts',
    async (_name, lines, peer) => {
      const requests = Array.from({ length: limit }, (_, seed) => () => send('/auth/refresh', lines(seed, peer)));
      expect(await statusesOf(requests)).toEqual(refused);
      expect(await isSpent(peer)).toBe(true);
    },
  );

  test('429: all requests without a valid address share one bucket', async () => {
    const values = ['garbage', '1.2.3.4:80', '[::1]:80', '999.1.1.1', 'a'.repeat(1_000)];
    const requests = values.map((value) => () => send('/auth/refresh', [`X-Forwarded-For: ${value}`]));
    expect(await statusesOf(requests)).toEqual(refused);
    expect(await isSpent('more garbage')).toBe(true);
  });
});

describe('D77: many addresses of one client', () => {
  test.each([
    [
      'spellings of an IPv4 address',
      '198.51.100.1',
      ['198.51.100.1', '::ffff:198.51.100.1', '::ffff:c633:6401', '::FFFF:C633:6401', '0:0:0:0:0:ffff:c633:6401'],
    ],
    ['a /64', '2001:db8:1:1::99', [1, 2, 3, 4, 5].map((at) => `2001:db8:1:1::${at}`)],
    ['a /56', '2001:db8:2:ff::1', [1, 2, 3, 4, 5].map((at) => `2001:db8:2:${at}0::1`)],
    [
      'spellings of an IPv6 address',
      '2001:db8:3::1',
      ['2001:db8:3::1', '2001:DB8:3::1', '2001:db8:3:0:0:0:0:1', '2001:0db8:0003::0001', '2001:db8:3::0.0.0.1'],
    ],
    ['zones', 'fe80::1', [0, 1, 2, 3, 4].map((at) => `fe80::1%eth${at}`)],
  ])('429: %s share one bucket', async (_name, last, addresses) => {
    const requests = addresses.map((address) => () => send('/auth/refresh', [`X-Forwarded-For: ${address}`]));
    expect(await statusesOf(requests)).toEqual(refused);
    expect(await isSpent(last)).toBe(true);
  });

  test('401: neighbouring addresses have other buckets', async () => {
    for (const neighbour of ['198.51.100.2', '::ffff:198.51.100.3', '2001:db8:2:100::1', '2001:db8:4::1']) {
      expect(await isSpent(neighbour)).toBe(false);
    }
  });
});

describe('D78: buckets', () => {
  test('429: all spellings, methods and paths under /auth share the bucket of the address', async () => {
    const ways: [string, string][] = [
      ['POST', '/auth/reset?'],
      ['POST', '/auth/reset/?a=1&b=2'],
      ['HEAD', '/auth/session'],
      ['GET', '/auth/session?x'],
      ['DELETE', '/auth/none/such'],
    ];
    const lines = ['X-Forwarded-For: 192.0.2.1'];
    const statuses = await statusesOf(
      ways.map(
        ([method, target]) =>
          () =>
            send(target, lines, method),
      ),
    );
    expect(statuses).not.toContain(429);
    for (const [method, target] of ways) expect((await send(target, lines, method)).status).toBe(429);
  });

  test.each([
    '/AUTH/reset',
    '/Auth/refresh',
    '//auth/reset',
    '/auth//reset',
    '/auth/./reset',
    '/%61uth/reset',
    '/auth;/reset',
    '/x/../auth/reset',
  ])('%s reaches nothing that the limit protects, so it needs no bucket', async (target) => {
    const lines = ['X-Forwarded-For: 192.0.2.2', 'Content-Type: application/json'];
    for (let at = 0; at <= limit; at += 1) expect([400, 404]).toContain((await send(target, lines)).status);
  });

  test('names and addresses are counted separately, even if they are equal', async () => {
    const from = (address: string, username: string) =>
      service.http.post('/auth/reset').set('X-Forwarded-For', address).send({ username, password: 'wrong' });
    // A name may fail ten times as often as an address.
    for (let at = 0; at < 10 * limit; at += 1) await from(`10.1.0.${at}`, '192.0.2.3').expect(401);
    await from('10.1.1.1', '192.0.2.3').expect(429);
    await from('192.0.2.3', 'somebody').expect(401);
    for (let at = 1; at < limit; at += 1) await from('192.0.2.3', 'somebody').expect(401);
    await from('192.0.2.3', 'somebody').expect(429);
    await from('10.1.1.2', 'per-address\n192.0.2.4').expect(401);
  });

  test('a client over its limit does not stop another at the same address, and other spellings do not help it', async () => {
    const shared = await startOwn({ MLAPI_RATE_LIMIT_PER_MINUTE: '4' });
    const [busy, other] = [await shared.newClient(), await shared.newClient()];
    const ask = (token: string, target: string, method: 'get' | 'head' = 'get') =>
      shared.http[method](target).auth(token, { type: 'bearer' }).set('X-Forwarded-For', '192.0.2.5');
    const token = busy.tokens.access_token;
    await ask(token, '/api/models').expect(200);
    await ask(token, '/api/models/').expect(200);
    await ask(token, '/api/models?limit=1', 'head').expect(200);
    await ask(token, '/auth/session').expect(200);
    for (const target of ['/api/models', '/api/ml', '/api/none', '/auth/session']) await ask(token, target).expect(429);
    const { body } = await shared.refresh(busy.tokens.refresh_token).expect(200);
    await ask((body as { access_token: string }).access_token, '/api/models').expect(429);
    await ask(other.tokens.access_token, '/api/models').expect(200);
  });
});

describe('D79: clocks', () => {
  test.each([3_600, -3_600, 86_400, -1])(
    '429: setting the clock by %d s neither empties a bucket nor keeps it full',
    async (seconds) => {
      const own = await startOwn({ MLAPI_AUTH_RATE_LIMIT_PER_MINUTE: '2' });
      for (let at = 0; at < 2; at += 1) await own.reset('nobody', 'wrong').expect(401);
      own.clock.stepSeconds(seconds);
      const { headers } = await own.reset('nobody', 'wrong').expect(429);
      expect(Number(headers['retry-after'])).toBeLessThanOrEqual(60);
      own.clock.advanceSeconds(60);
      await own.reset('nobody', 'wrong').expect(401);
    },
  );
});

describe('D80: floods of keys', () => {
  test('a million keys take bounded memory, and the attacker’s counter is kept', () => {
    const counters = new WindowCounters(new FakeClock().readMonotonic);
    for (let hit = 0; hit < 7; hit += 1) counters.increment('attacker');
    const before = process.memoryUsage().heapUsed;
    for (let index = 0; index < 1_000_000; index += 1) counters.increment(`10.0.0.0 ${index}`);
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(100 * 2 ** 20);
    expect(counters.increment('attacker').count).toBe(8);
  });
});

describeRedis('D80: floods of keys in Redis', () => {
  test('a full Redis refuses to count and loses no counter; with memory again, the attacker’s count continues', async () => {
    const redis = await TestRedis.start();
    const home = await RedisCounterStore.open(redis.url, createLogger({ logLevel: 'silent', logFormat: 'json' }));
    opened.push(
      () => home.close(),
      () => redis.kill(),
    );
    const counters = home.counter('per-address');
    for (let hit = 0; hit < 7; hit += 1) await counters.increment('attacker');
    const used = Number(/used_memory:(\d+)/.exec((await redis.command('INFO', 'memory')) as string)?.[1]);
    await redis.command('CONFIG', 'SET', 'maxmemory', String(used + 2 ** 21));
    let keys = 0;
    const flood = async () => {
      for (; ; keys += 1) await counters.increment(`flood ${keys}`);
    };
    await expect(Promise.all(Array.from({ length: 16 }, flood))).rejects.toMatchObject({ status: 503 });
    expect(keys).toBeGreaterThan(1_000);
    expect(keys).toBeLessThan(100_000);
    await redis.command('CONFIG', 'SET', 'maxmemory', '0');
    await untilCounting(home);
    expect((await counters.increment('attacker')).count).toBe(8);
  });
});
