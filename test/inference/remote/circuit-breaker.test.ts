import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import { CircuitBreaker } from '../../../mlapi/inference/remote/circuit-breaker.ts';

test('runs that began before the breaker opened are ignored afterwards', async () => {
  const breaker = new CircuitBreaker({ failures: 2, restMs: 20 }, () => undefined);
  const before = breaker.rests;
  breaker.failed('out', before);
  breaker.failed('out', before);
  expect(breaker.fault?.message).toContain('2 times');
  await delay(40);
  expect([breaker.fault, breaker.isTrying]).toEqual([undefined, true]);

  breaker.failed('late', before);
  expect(breaker.fault).toBeUndefined();
  breaker.succeeded(before);
  expect(breaker.isTrying).toBe(true);

  breaker.succeeded(breaker.rests);
  expect(breaker.isTrying).toBe(false);
  breaker.failed('out', breaker.rests);
  expect(breaker.fault).toBeUndefined();
  breaker.stop();
});
