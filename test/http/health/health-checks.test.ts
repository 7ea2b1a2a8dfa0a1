import { Writable } from 'node:stream';
import { describe, expect, jest, test } from '@jest/globals';
import winston from 'winston';
import { HealthChecks } from '../../../mlapi/http/health/health-checks.ts';
import { Logger } from '../../../mlapi/telemetry/logger.ts';
import { FakeClock, startService } from '../../support/service.ts';

function start(check: () => Promise<void>) {
  const clock = new FakeClock();
  const lines: string[] = [];
  const stream = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      lines.push(chunk.toString());
      done();
    },
  });
  const logger = new Logger(winston.createLogger({ transports: [new winston.transports.Stream({ stream })] }));
  const checks = new HealthChecks({ clock: clock.readMonotonic, logger });
  checks.add({ name: 'thing', check });
  return { clock, lines, checks };
}

describe('HealthChecks', () => {
  test('a check that never answers fails, and is asked again', async () => {
    jest.useFakeTimers({ doNotFake: ['nextTick', 'queueMicrotask'] });
    try {
      let isHanging = true;
      const { clock, lines, checks } = start(() => (isHanging ? new Promise(() => undefined) : Promise.resolve()));

      const passing = checks.pass();
      await jest.advanceTimersByTimeAsync(5_000);

      expect(await passing).toBe(false);
      expect(lines.join('')).toContain('it has not answered for 5 s');
      isHanging = false;
      clock.advanceSeconds(5);
      expect(await checks.pass()).toBe(true);
    } finally {
      jest.useRealTimers();
    }
  });

  test('checks at most once a second, even if the wall clock is changed', async () => {
    let looks = 0;
    const { clock, checks } = start(() => {
      looks += 1;
      return Promise.resolve();
    });

    for (const _ of [1, 2, 3]) await checks.pass();
    expect(looks).toBe(1);
    clock.advanceSeconds(0.999);
    await checks.pass();
    expect(looks).toBe(1);
    clock.advanceSeconds(0.001);
    await checks.pass();
    expect(looks).toBe(2);
    clock.stepSeconds(-3_600);
    clock.advanceSeconds(1);
    await checks.pass();
    expect(looks).toBe(3);
  });

  test('concurrent callers share a running check', async () => {
    const ends: (() => void)[] = [];
    const { clock, checks } = start(() => new Promise((resolve) => ends.push(resolve)));

    const first = checks.pass();
    clock.advanceSeconds(10);
    const second = checks.pass();
    ends[0]?.();

    expect(await Promise.all([first, second])).toEqual([true, true]);
    expect(ends).toHaveLength(1);
  });

  test('logs changes with their cause, not every check', async () => {
    let isBroken = true;
    const { clock, lines, checks } = start(() => (isBroken ? Promise.reject(new Error('gone')) : Promise.resolve()));

    for (const _ of [1, 2, 3]) {
      expect(await checks.pass()).toBe(false);
      clock.advanceSeconds(1);
    }
    expect(lines).toHaveLength(1);
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({
      level: 'error',
      message: 'health check fails',
      fields: { check: 'thing', cause: { message: 'gone' } },
    });

    isBroken = false;
    expect(await checks.pass()).toBe(true);
    expect(lines).toHaveLength(2);
  });
});

test('503: not ready while the database fails, ready again without a restart; always live', async () => {
  const service = await startService();
  const { database } = service.services;
  await service.http.get('/api/readiness').expect(200, { status: 'ready' });

  await database.schema.alterTable('clients').renameTo('clients_away').execute();
  service.clock.advanceSeconds(1);
  await service.http.get('/api/readiness').expect(503, { status: 'not ready' });
  await service.http.get('/api/liveness').expect(200, { status: 'alive' });

  await database.schema.alterTable('clients_away').renameTo('clients').execute();
  service.clock.advanceSeconds(1);
  await service.http.get('/api/readiness').expect(200, { status: 'ready' });
  await service.close();
});
