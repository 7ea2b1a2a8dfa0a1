import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Passwords } from '../../../mlapi/auth/clients/passwords.ts';
import type { Problem } from '../../../mlapi/http/problem.ts';
import { startService, type TestService } from '../../support/service.ts';

let service: TestService;
beforeAll(async () => {
  service = await startService();
});
afterAll(() => service.close());

describe('B31, B32: password floods', () => {
  test('429: too many wrong passwords for one name, known or unknown, from addresses that it never used', async () => {
    const guarded = await startService({ MLAPI_AUTH_RATE_LIMIT_PER_MINUTE: '3' });
    const from = (address: string, username: string, password: string) =>
      guarded.http.post('/auth/reset').set('X-Forwarded-For', address).send({ username, password });
    const password = await guarded.services.clients.add('victim');
    await from('192.0.2.1', 'victim', password).expect(200);
    const second = await guarded.services.clients.resetPassword('victim');
    for (const name of ['victim', 'nobody']) {
      for (let guess = 0; guess < 30; guess += 1) await from(`198.51.100.${guess}`, name, 'wrong').expect(401);
      const { headers } = await from('203.0.113.9', name, 'wrong').expect(429);
      expect(Number(headers['retry-after'])).toBeGreaterThan(0);
    }
    await from('203.0.113.10', 'victim', second).expect(429);
    await from('192.0.2.1', 'victim', second).expect(200);
    guarded.clock.advanceSeconds(61);
    await from('203.0.113.11', 'nobody', 'wrong').expect(401);
    await guarded.close();
  });

  test('429: many names from one address', async () => {
    const guarded = await startService({ MLAPI_AUTH_RATE_LIMIT_PER_MINUTE: '5' });
    for (let guess = 0; guess < 5; guess += 1) await guarded.reset(`name-${guess}`, 'wrong').expect(401);
    const { headers, body } = await guarded.reset('name-6', 'wrong').expect(429);
    expect(Number(headers['retry-after'])).toBeGreaterThan(0);
    expect(body.error).toBe('invalid_request');
    await guarded.http.get('/api/liveness').expect(200);
    await guarded.close();
  });

  test('503 with Retry-After: more passwords at once than may wait; earlier ones are served', async () => {
    const passwords = await Passwords.create();
    const outcomes = await Promise.allSettled(Array.from({ length: 100 }, () => passwords.verify(undefined, 'wrong')));
    const refusals = outcomes.filter((outcome) => outcome.status === 'rejected').map(({ reason }) => reason as Problem);
    expect(refusals).toHaveLength(100 - 4 - 64);
    for (const { status, headers } of refusals) expect([status, headers['retry-after']]).toEqual([503, '1']);
    expect(await passwords.verify(undefined, 'wrong')).toBe(false);
  });

  test('401 or 503, and a live service: 300 resets at once', async () => {
    const flood = Array.from({ length: 300 }, (_, index) => service.reset(`flood-${index}`, 'wrong'));
    const alive = service.http.get('/api/liveness').expect(200);
    const answers = await Promise.all(flood);
    await alive;
    for (const { status } of answers) expect([401, 503]).toContain(status);
    await service.newClient();
  });
});
