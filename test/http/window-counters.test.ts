import { describe, expect, test } from '@jest/globals';
import { WindowCounters } from '../../mlapi/http/window-counters.ts';
import { FakeClock } from '../support/service.ts';

describe('window counters', () => {
  test('a key is counted by itself, until the minute is over', () => {
    const clock = new FakeClock();
    const counters = new WindowCounters(clock.read);
    expect([counters.increment('a').count, counters.increment('a').count, counters.increment('b').count]).toEqual([
      1, 2, 1,
    ]);
    clock.advanceSeconds(59.999);
    expect(counters.read('a')).toEqual({ count: 2, resetsAt: clock.now + 1 });
    clock.advanceSeconds(0.001);
    expect(counters.read('a').count).toBe(0);
  });

  test('a clock that steps back begins a new minute', () => {
    const clock = new FakeClock();
    const counters = new WindowCounters(clock.read);
    counters.increment('a');
    clock.advanceSeconds(-3_600);
    expect(counters.read('a')).toEqual({ count: 0, resetsAt: clock.now + 60_000 });
  });

  test('a flood of keys takes bounded memory; no counter of before is lost, and newcomers are counted together', () => {
    const counters = new WindowCounters(new FakeClock().read);
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
