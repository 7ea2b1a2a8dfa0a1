import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { addressKey } from '../../../mlapi/http/limits/rate-limits.ts';
import { startService, type TestService } from '../../support/service.ts';

describe('addressKey', () => {
  test.each([
    ['IPv4 mapped into IPv6', '1.2.3.4', '::ffff:1.2.3.4'],
    ['IPv4 mapped in hexadecimal', '1.2.3.4', '::ffff:102:304'],
    ['two addresses of a /64', '2001:db8:1:2::1', '2001:db8:1:2:ffff::9'],
    ['two networks of a /56', '2001:db8:1:200::1', '2001:db8:1:2ff::1'],
    ['two spellings of IPv6', '2001:db8::1', '2001:0DB8:0:0:0:0:0:1'],
  ])('%s share one bucket', (_name, first, second) => {
    expect(addressKey(first)).toBe(addressKey(second));
  });

  test.each([
    ['two IPv4 addresses', '1.2.3.4', '1.2.3.5'],
    ['two mapped IPv4 addresses', '::ffff:1.2.3.4', '::ffff:1.2.3.5'],
    ['two /56', '2001:db8:1:200::1', '2001:db8:1:300::1'],
    ['an address and the Unix socket', '127.0.0.1', undefined],
  ])('%s have separate buckets', (_name, first, second) => {
    expect(addressKey(first)).not.toBe(addressKey(second));
  });

  test.each(['', 'garbage', 'fe80::1%eth0', '1.2.3.4:80', '[::1]:80', '::ffff:999.1.1.1', 'a'.repeat(10_000)])(
    'a forged address gets some bucket, without an exception: %p',
    (address) => {
      expect(typeof addressKey(address)).toBe('string');
    },
  );
});

describe('POST /auth/reset: requests per address', () => {
  let service: TestService;
  beforeAll(async () => {
    service = await startService({ MLAPI_AUTH_RATE_LIMIT_PER_MINUTE: '5' });
  });
  afterAll(() => service.close());

  const attempt = (forwarded: string, headers: Record<string, string> = {}) =>
    service.reset('nobody', 'wrong password').set('X-Forwarded-For', forwarded).set(headers);

  async function statusesOf(count: number, send: (at: number) => ReturnType<typeof attempt>) {
    const statuses: number[] = [];
    for (let at = 0; at < count; at += 1) statuses.push((await send(at)).status);
    return statuses;
  }
  const limited = [401, 401, 401, 401, 401, 429];

  test('429 with Retry-After: the sixth request within a minute is refused before its body is read', async () => {
    expect(await statusesOf(6, () => attempt('203.0.113.1'))).toEqual(limited);

    const response = await attempt('203.0.113.1').type('text/plain').send('unread').expect(429);

    expect(Number(response.headers['retry-after'])).toBeGreaterThan(0);
    expect(response.headers['ratelimit-policy']).toContain('"per-address"; q=5; w=60');
    expect(response.body).toEqual({
      error: 'invalid_request',
      error_description: 'Too many requests; see Retry-After.',
    });
  });

  test('429: forged hops in X-Forwarded-For, before the proxy’s own, do not change the bucket', async () => {
    const statuses = await statusesOf(6, (at) =>
      attempt(`198.51.100.${at}, 10.0.0.${at}, 203.0.113.2`, {
        'X-Real-IP': `198.51.100.${at}`,
        'CF-Connecting-IP': `198.51.100.${at}`,
        'True-Client-IP': `198.51.100.${at}`,
        Forwarded: `for=198.51.100.${at}`,
      }),
    );

    expect(statuses).toEqual(limited);
  });

  test('429: rotating through an IPv6 /56 stays in one bucket', async () => {
    expect(await statusesOf(6, (at) => attempt(`2001:db8:0:1${at}::${at}`))).toEqual(limited);
  });

  test('401: another address has its own limit; health routes have none', async () => {
    await statusesOf(6, () => attempt('203.0.113.3'));

    await attempt('203.0.113.4').expect(401);
    await service.http.get('/api/liveness').set('X-Forwarded-For', '203.0.113.3').expect(200);
    await service.http.get('/auth').set('X-Forwarded-For', '203.0.113.3').expect(200);
  });

  test('429: all spellings of the path share one bucket', async () => {
    const paths = ['/auth/reset', '/auth/reset/', '/auth/reset?', '/auth/refresh', '/auth/none', '/auth/session'];
    const statuses: number[] = [];
    for (const path of paths) {
      statuses.push((await service.http.post(path).set('X-Forwarded-For', '203.0.113.5')).status);
    }

    expect(statuses.at(-1)).toBe(429);
    expect(statuses.slice(0, -1)).not.toContain(429);
  });
});

describe('a service without a proxy', () => {
  test('429: X-Forwarded-For is ignored', async () => {
    const service = await startService({
      MLAPI_AUTH_RATE_LIMIT_PER_MINUTE: '2',
      MLAPI_TRUST_PROXY: '192.0.2.1',
    });
    const attempt = (at: number) => service.reset('nobody', 'wrong').set('X-Forwarded-For', `203.0.113.${at}`);

    await attempt(1).expect(401);
    await attempt(2).expect(401);
    await attempt(3).expect(429);

    await service.close();
  });
});

describe('/api: requests per client', () => {
  test('429: a client over its limit is refused from any address; another client is not', async () => {
    const service = await startService({ MLAPI_RATE_LIMIT_PER_MINUTE: '3' });
    const [busy, other] = [await service.newClient(), await service.newClient()];
    const list = (token: string, at: number) =>
      service.http.get('/api/models').auth(token, { type: 'bearer' }).set('X-Forwarded-For', `203.0.113.${at}`);

    for (const at of [1, 2, 3]) await list(busy.tokens.access_token, at).expect(200);
    const refused = await list(busy.tokens.access_token, 4).expect(429);

    expect(refused.body).toMatchObject({ status: 429, code: 'rate_limited' });
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0);
    await list(other.tokens.access_token, 4).expect(200);
    await service.http.get('/api/models').expect(401);
    await service.close();
  });
});
