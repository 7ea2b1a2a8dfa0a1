import { describe, expect, test } from '@jest/globals';
import { MemoryCounterHome, WindowCounters } from '../../mlapi/http/window-counters.ts';
import { FakeClock } from '../support/service.ts';

describe('window counters', () => {
  test('a key is counted by itself, until the minute is over', async () => {
    const clock = new FakeClock();
    const counters = new WindowCounters(clock.readMonotonic);
    expect(await counters.increment('a')).toEqual({ count: 1, resetsInMs: 60_000 });
    clock.advanceSeconds(59.999);
    expect(await counters.increment('a')).toEqual({ count: 2, resetsInMs: 1 });
    expect(await counters.increment('b')).toEqual({ count: 1, resetsInMs: 1 });
    expect(await counters.read('a')).toEqual({ count: 2, resetsInMs: 1 });
    clock.advanceSeconds(0.001);
    expect(await counters.read('a')).toEqual({ count: 0, resetsInMs: 60_000 });
  });

  test('equal keys of two names are two counters; of one name there is one', async () => {
    const home = new MemoryCounterHome(new FakeClock().readMonotonic);
    await home.of('per-address').increment('a');
    expect((await home.of('per-address').read('a')).count).toBe(1);
    expect((await home.of('per-client').read('a')).count).toBe(0);
  });

  test('a flood of keys takes bounded memory; no counter of before is lost, and newcomers are counted together', async () => {
    const counters = new WindowCounters(new FakeClock().readMonotonic);
    for (let hit = 0; hit < 7; hit += 1) await counters.increment('attacker');
    const before = process.memoryUsage().heapUsed;
    for (let index = 0; index < 300_000; index += 1) await counters.increment(`2001:db8:${index}::/56`);
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(100 * 2 ** 20);
    expect((await counters.increment('attacker')).count).toBe(8);
    const late = (await counters.increment('somebody new')).count;
    expect(late).toBeGreaterThan(30);
    expect(late).toBeLessThan(120);
  });
});
