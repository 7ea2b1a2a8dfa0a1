import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import type { Response } from 'supertest';
import { makeCertificate } from '../../../mlapi/cli/certificate.ts';
import { serve } from '../../support/child.ts';
import { describeRedis, TestRedis } from '../../support/redis.ts';
import { startService, temporaryFolder, type TestService } from '../../support/service.ts';

let redis: TestRedis;
let started: TestService[];

beforeEach(async () => {
  redis = await TestRedis.start();
  started = [];
});
afterEach(async () => {
  for (const service of started) await service.close();
  await redis.kill();
});

async function start(variables: Record<string, string> = {}, dataDir?: string): Promise<TestService> {
  const options = dataDir === undefined ? {} : { dataDir };
  const service = await startService({ MLAPI_REDIS_URL: redis.url, ...variables }, options);
  started.push(service);
  return service;
}

const countOf = (answers: readonly Response[], wanted: number) =>
  answers.filter(({ status }) => status === wanted).length;
const unavailable = {
  error: 'temporarily_unavailable',
  error_description: 'The service is busy; try again in a moment.',
};

async function untilStatus(status: number, ask: () => Promise<Response>): Promise<Response> {
  for (;;) {
    const response = await ask();
    if (response.status === status) return response;
    await delay(20);
  }
}

describeRedis('two machines with one Redis', () => {
  test('requests per address: alternating, exactly as many succeed as on one machine', async () => {
    const machines = [await start({ MLAPI_AUTH_RATE_LIMIT_PER_MINUTE: '6' })];
    machines.push(await start({ MLAPI_AUTH_RATE_LIMIT_PER_MINUTE: '6' }));
    const answers: Response[] = [];
    for (let at = 0; at < 10; at += 1) answers.push(await machines[at % 2]!.reset('nobody', 'wrong'));
    expect(answers.map(({ status }) => status)).toEqual([401, 401, 401, 401, 401, 401, 429, 429, 429, 429]);
    const retryAfter = Number(answers.at(-1)?.headers['retry-after']);
    expect(retryAfter).toBeGreaterThan(0);
    expect(retryAfter).toBeLessThanOrEqual(60);
    await machines[1]!.reset('nobody', 'wrong').set('X-Forwarded-For', '203.0.113.1').expect(401);
  });

  test('requests per client: in parallel, exactly as many succeed', async () => {
    const dataDir = temporaryFolder();
    const machines = [await start({ MLAPI_RATE_LIMIT_PER_MINUTE: '40' }, dataDir)];
    machines.push(await start({ MLAPI_RATE_LIMIT_PER_MINUTE: '40' }, dataDir));
    const [busy, other] = [await machines[0]!.newClient(), await machines[0]!.newClient()];
    const list = (at: number, token: string) => machines[at]!.http.get('/api/models').auth(token, { type: 'bearer' });
    const answers = await Promise.all(
      Array.from({ length: 100 }, (_, index) => list(index % 2, busy.tokens.access_token)),
    );
    expect([countOf(answers, 200), countOf(answers, 429)]).toEqual([40, 60]);
    await list(1, other.tokens.access_token).expect(200);
  });

  test('failed passwords: counted together, from any address', async () => {
    const machines = [await start({ MLAPI_AUTH_RATE_LIMIT_PER_MINUTE: '2' })];
    machines.push(await start({ MLAPI_AUTH_RATE_LIMIT_PER_MINUTE: '2' }));
    const guess = (at: number, name: string) =>
      machines[at % 2]!.reset(name, 'wrong').set('X-Forwarded-For', `198.51.100.${at}`);
    for (let at = 0; at < 20; at += 1) await guess(at, 'victim').expect(401);
    for (const at of [20, 21]) await guess(at, 'victim').expect(429);
    await guess(22, 'another').expect(401);
  });

  test('counts survive a restart of the service', async () => {
    const variables = { MLAPI_AUTH_RATE_LIMIT_PER_MINUTE: '3' };
    const before = await startService({ MLAPI_REDIS_URL: redis.url, ...variables });
    for (let at = 0; at < 3; at += 1) await before.reset('nobody', 'wrong').expect(401);
    await before.close();
    const after = await start(variables);
    await after.reset('nobody', 'wrong').expect(429);
  });
});

describeRedis('Redis unavailable', () => {
  const authRequests = (service: TestService, tokens: { access_token: string; refresh_token: string }) => [
    service.reset('nobody', 'wrong'),
    service.refresh(tokens.refresh_token),
    service.http.post('/auth/revoke').send({ token: tokens.refresh_token }),
    service.session(tokens.access_token),
  ];

  test('503 on /auth, nothing changed; /api counts in memory; liveness 200; everything recovers with Redis', async () => {
    const service = await start({ MLAPI_RATE_LIMIT_PER_MINUTE: '10' });
    const { tokens } = await service.newClient();
    const list = () => service.http.get('/api/models').auth(tokens.access_token, { type: 'bearer' });
    await list().expect(200);
    await redis.kill();

    for (const answer of await Promise.all(authRequests(service, tokens))) {
      expect([answer.status, answer.body]).toEqual([503, unavailable]);
      expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
      expect(answer.headers['cache-control']).toBe('no-store');
    }
    const answers = await Promise.all(Array.from({ length: 15 }, list));
    expect([countOf(answers, 200), countOf(answers, 429)]).toEqual([10, 5]);
    await service.http.get('/api/liveness').expect(200);
    await service.http.get('/auth').expect(200);

    await redis.start();
    await untilStatus(200, () => service.session(tokens.access_token));
    // The refused requests spent nothing: the refresh token still works, once.
    await service.refresh(tokens.refresh_token).expect(200);
  });

  test('readiness is 503 meanwhile, and 200 again without a restart', async () => {
    const service = await start();
    const readiness = () => {
      service.clock.advanceSeconds(1);
      return service.http.get('/api/readiness');
    };
    await readiness().expect(200, { status: 'ready' });
    await redis.kill();
    await readiness().expect(503, { status: 'not ready' });
    await service.http.get('/api/liveness').expect(200);
    await redis.start();
    await untilStatus(200, async () => readiness());
  });

  test('at the start: the service starts, and /auth works once Redis is up', async () => {
    await redis.kill();
    const service = await start();
    await service.reset('nobody', 'wrong').expect(503);
    await redis.start();
    await untilStatus(401, () => service.reset('nobody', 'wrong'));
  });

  test('hanging during requests: every request gets a response', async () => {
    const service = await start();
    const { tokens } = await service.newClient();
    redis.freeze();
    const answers = await Promise.all(authRequests(service, tokens));
    expect(answers.map(({ status }) => status)).toEqual([503, 503, 503, 503]);
    await service.http.get('/api/models').auth(tokens.access_token, { type: 'bearer' }).expect(200);
    redis.thaw();
    await untilStatus(200, () => service.session(tokens.access_token));
  });

  test('requests while Redis is killed and started three times: 401 or 503, never an uncounted response', async () => {
    const service = await start({ MLAPI_AUTH_RATE_LIMIT_PER_MINUTE: '1000000' });
    const statuses = new Map<number, number>();
    let isOver = false;
    const ask = async () => {
      while (!isOver) {
        const { status } = await service.http.post('/auth/refresh');
        statuses.set(status, (statuses.get(status) ?? 0) + 1);
      }
    };
    const askers = Array.from({ length: 8 }, ask);
    for (let round = 0; round < 3; round += 1) {
      await redis.kill();
      await redis.start();
      await untilStatus(401, () => service.http.post('/auth/refresh'));
    }
    isOver = true;
    await Promise.all(askers);
    expect([...statuses.keys()].sort()).toEqual([401, 503]);
  });
});

describeRedis('rediss://', () => {
  test('a trusted certificate is accepted, another is not; the password is in no output', async () => {
    const folder = temporaryFolder();
    const { certificate, key } = makeCertificate(['localhost'], 1);
    const files = { certificate: join(folder, 'certificate.pem'), key: join(folder, 'key.pem') };
    writeFileSync(files.certificate, certificate);
    writeFileSync(files.key, key, { mode: 0o600 });
    const secure = await TestRedis.start({ tls: files });
    const variables = { MLAPI_REDIS_URL: secure.url };
    const trusting = await serve(folder, { variables: { ...variables, NODE_EXTRA_CA_CERTS: files.certificate } });
    const doubting = await serve(temporaryFolder(), { variables });
    const statusOf = async ({ url }: { url: string }) =>
      (await fetch(`${url}/auth/refresh`, { method: 'POST' })).status;

    expect(await statusOf(trusting)).toBe(401);
    expect(await statusOf(doubting)).toBe(503);
    await doubting.service.says(/redis is unreachable.*"reason":"DEPTH_ZERO_SELF_SIGNED_CERT"/);

    for (const { service } of [trusting, doubting]) {
      await service.kill('SIGTERM');
      expect(service.stdout + service.stderr).not.toContain(secure.password);
    }
    await secure.kill();
  });
});
