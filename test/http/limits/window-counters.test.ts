import { describe, expect, test } from '@jest/globals';
import { MemoryCounterStore, WindowCounters } from '../../../mlapi/http/limits/window-counters.ts';
import { FakeClock } from '../../support/service.ts';

describe('window counters', () => {
  test('each key is counted separately, until its minute ends', () => {
    const clock = new FakeClock();
    const counters = new WindowCounters(clock.readMonotonic);
    expect(counters.increment('a')).toEqual({ count: 1, resetsInMs: 60_000 });
    clock.advanceSeconds(59.999);
    expect(counters.increment('a')).toEqual({ count: 2, resetsInMs: 1 });
    expect(counters.increment('b')).toEqual({ count: 1, resetsInMs: 1 });
    expect(counters.read('a')).toEqual({ count: 2, resetsInMs: 1 });
    clock.advanceSeconds(0.001);
    expect(counters.read('a')).toEqual({ count: 0, resetsInMs: 60_000 });
  });

  test('the same key under two names is two counters; under one name it is one', () => {
    const home = new MemoryCounterStore(new FakeClock().readMonotonic);
    home.counter('per-address').increment('a');
    expect(home.counter('per-address').read('a').count).toBe(1);
    expect(home.counter('per-client').read('a').count).toBe(0);
  });

  test('a flood of keys takes bounded memory; existing counters are kept, and new keys share counters', () => {
    const counters = new WindowCounters(new FakeClock().readMonotonic);
    for (let hit = 0; hit < 7; hit += 1) counters.increment('attacker');
    const before = process.memoryUsage().heapUsed;
    for (let index = 0; index < 300_000; index += 1) counters.increment(`2001:db8:${index}::/56`);
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(100 * 2 ** 20);
    expect(counters.increment('attacker').count).toBe(8);
    const late = counters.increment('somebody new').count;
    expect(late).toBeGreaterThan(30);
    expect(late).toBeLessThan(120);
  });
});
