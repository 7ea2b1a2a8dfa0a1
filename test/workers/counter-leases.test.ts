import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { WindowCounters } from '../../mlapi/http/limits/window-counters.ts';
import { CounterLeases, type LeaseHolder } from '../../mlapi/workers/counter-leases.ts';
import type { Grant } from '../../mlapi/workers/messages.ts';
import { LeasedCounters } from '../../mlapi/workers/leased-counters.ts';
import { FakeClock } from '../support/service.ts';

/** One direction between two processes: messages arrive in order, later, several at a time. */
class Channel {
  #sent: (() => void)[] = [];

  send(arrive: () => void): void {
    if (this.#sent.length === 0) setImmediate(() => this.#deliver());
    this.#sent.push(arrive);
  }

  #deliver(): void {
    const sent = this.#sent;
    this.#sent = [];
    for (const arrive of sent) arrive();
  }
}

/** A supervisor and its workers with their messages, without processes. */
function supervised(workers: number, limit: number) {
  const clock = new FakeClock();
  const asked = { times: 0 };
  const leases = new CounterLeases(new WindowCounters(clock.readMonotonic), () => workers);
  const all = Array.from({ length: workers }, () => {
    const [up, down] = [new Channel(), new Channel()];
    const holder: LeaseHolder = {
      recall: (key) =>
        new Promise((resolve) =>
          down.send(() => {
            const unused = counters.giveBack(key);
            up.send(() => resolve(unused));
          }),
        ),
    };
    const counters = new LeasedCounters({
      ask: (key, resolve, reject) => {
        asked.times += 1;
        const answer = (grant: Grant) => down.send(() => resolve(grant));
        up.send(() => {
          const grant = leases.take(holder, key, limit);
          if (grant instanceof Promise) grant.then(answer, reject);
          else answer(grant);
        });
      },
      report: (uses) => up.send(() => leases.used(holder, uses)),
    });
    return { counters, end: () => leases.release(holder) };
  });
  return { clock, asked, workers: all };
}

/** Whether a request counted at this worker is within the limit. */
async function passes({ counters }: { counters: LeasedCounters }, limit: number, key = 'client'): Promise<boolean> {
  return (await counters.increment(key)).count <= limit;
}

describe('leased counts', () => {
  test('allow exactly the limit, whichever workers get the requests, one by one or at once', async () => {
    const runs = fc.record({
      workers: fc.integer({ min: 1, max: 5 }),
      limit: fc.integer({ min: 1, max: 300 }),
      turns: fc.array(fc.array(fc.nat(), { minLength: 1, maxLength: 20 }), { minLength: 1, maxLength: 60 }),
    });
    await fc.assert(
      fc.asyncProperty(runs, async ({ workers, limit, turns }) => {
        const service = supervised(workers, limit);
        let passed = 0;
        for (const turn of turns) {
          const results = await Promise.all(turn.map((at) => passes(service.workers[at % workers]!, limit)));
          passed += results.filter(Boolean).length;
        }
        expect(passed).toBe(Math.min(limit, turns.flat().length));
      }),
    );
  });

  test('are requested rarely: far below the limit, most requests need no message to the supervisor', async () => {
    const { asked, workers } = supervised(2, 100_000);
    for (let at = 0; at < 2_000; at += 1) expect(await passes(workers[at % 2]!, 100_000)).toBe(true);
    expect(asked.times).toBeLessThan(10);
  });

  test('when a worker ends, the used part of its lease stays counted and the rest returns to the others', async () => {
    const { workers } = supervised(2, 100);
    const [first, second] = [workers[0]!, workers[1]!];
    for (let at = 0; at < 10; at += 1) await passes(first, 100);
    // Before it has reported what it used.
    await delay(50);
    first.end();
    let passed = 0;
    for (let at = 0; at < 200; at += 1) if (await passes(second, 100)) passed += 1;
    expect(passed).toBe(90);
  });

  test('expire with their minute', async () => {
    const { clock, workers } = supervised(2, 10);
    for (let at = 0; at < 20; at += 1) await passes(workers[at % 2]!, 10);
    expect(await passes(workers[0]!, 10)).toBe(false);
    clock.advanceSeconds(60);
    expect(await passes(workers[0]!, 10)).toBe(true);
    // A late return of the previous minute does not reduce this minute's count.
    workers[1]!.end();
    let passed = 1;
    for (let at = 0; at < 20; at += 1) if (await passes(workers[0]!, 10)) passed += 1;
    expect(passed).toBe(10);
  });

  test('are separate per client', async () => {
    const { workers } = supervised(1, 5);
    for (let at = 0; at < 5; at += 1) expect(await passes(workers[0]!, 5, 'a')).toBe(true);
    expect(await passes(workers[0]!, 5, 'a')).toBe(false);
    expect(await passes(workers[0]!, 5, 'b')).toBe(true);
  });
});
