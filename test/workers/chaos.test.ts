import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, jest, test } from '@jest/globals';
import type { TestProcess } from '../support/child.ts';
import type { Tokens } from '../support/service.ts';
import { ask, childrenOf, until, type Answer } from '../support/running.ts';
import { readyWorkersOf, serveWorkers } from '../support/workers.ts';

jest.setTimeout(600_000);

const requests = 10_000;
const row = [[0, 'tcp', 'http', 'SF']];

/** A request without a response, and when it was open, in milliseconds. */
interface Loss {
  readonly from: number;
  readonly to: number;
}

/** Requests and their losses, and the times at which a worker was killed. */
class Ledger {
  sent = 0;
  readonly losses: Loss[] = [];
  readonly killedAt: number[] = [];
  readonly wrong: string[] = [];

  get isFull(): boolean {
    return this.sent >= requests;
  }

  /** Undefined if there was no response. */
  async send(request: () => Promise<Answer>, expected: readonly number[]): Promise<Answer | undefined> {
    this.sent += 1;
    const from = performance.now();
    try {
      const answer = await request();
      if (!expected.includes(answer.status)) this.wrong.push(`${answer.status} ${JSON.stringify(answer.body)}`);
      return answer;
    } catch {
      this.losses.push({ from, to: performance.now() });
      return undefined;
    }
  }

  /** Requests lost although no worker was killed while they were open. */
  unexplained(): Loss[] {
    return this.losses.filter(({ from, to }) => !this.killedAt.some((at) => at >= from - 5 && at <= to));
  }
}

/** Endless refreshes. If a response is lost, a retry within the grace period returns the same successor. */
async function keepRefreshing(ledger: Ledger, url: string, first: Tokens): Promise<Tokens> {
  let tokens = first;
  while (!ledger.isFull) {
    const { refresh_token: token } = tokens;
    const answer = await ledger.send(() => ask(`${url}/auth/refresh`, { method: 'POST', token }), [200]);
    if (answer?.status === 200) tokens = answer.body as unknown as Tokens;
  }
  return tokens;
}

async function keepReading(ledger: Ledger, url: string, { access_token: token }: Tokens): Promise<void> {
  while (!ledger.isFull) {
    await ledger.send(() => ask(`${url}/api/models`, { token }), [200]);
    await ledger.send(() => ask(`${url}/api/ml`, { method: 'POST', token, body: row }), [400, 422]);
  }
}

/** Kills a worker, reloads, and so on, each once all workers are ready again. @returns the number of reloads */
async function disturb(ledger: Ledger, service: TestProcess): Promise<number> {
  let reloads = 0;
  while (!ledger.isFull) {
    const workers = childrenOf(service);
    ledger.killedAt.push(performance.now());
    process.kill(workers[ledger.killedAt.length % workers.length]!, 'SIGKILL');
    await until(() => count(service, /"worker exited"/g) === ledger.killedAt.length);
    await until(() => readyWorkersOf(service).length === 3);
    await delay(200);
    service.child.kill('SIGHUP');
    await until(() => count(service, /"reloaded"/g) === reloads + 1);
    reloads += 1;
    // Workers being replaced only wait for their last requests: no client keeps a connection here.
    await until(() => childrenOf(service).length === 3 && readyWorkersOf(service).length === 3);
  }
  return reloads;
}

function count({ stdout }: TestProcess, pattern: RegExp): number {
  return [...stdout.matchAll(pattern)].length;
}

describe('10,000 requests while workers are killed and reloaded', () => {
  test('no acknowledged write is lost, and only requests at a killed worker stay unanswered', async () => {
    const { service, url, tokens } = await serveWorkers(['a', 'b', 'c', 'd', 'e', 'f'], {
      MLAPI_WORKERS: '3',
      MLAPI_REFRESH_GRACE_SECONDS: '60',
      MLAPI_AUTH_RATE_LIMIT_PER_MINUTE: '1000000',
      MLAPI_RATE_LIMIT_PER_MINUTE: '1000000',
    });

    const ledger = new Ledger();
    const [revoked, reader, ...writers] = tokens as [Tokens, Tokens, ...Tokens[]];
    await ask(`${url}/auth/revoke`, { method: 'POST', body: { token: revoked.refresh_token } });
    const [newest, reloads] = await Promise.all([
      Promise.all(writers.map((first) => keepRefreshing(ledger, url, first))),
      disturb(ledger, service),
      keepReading(ledger, url, reader),
      keepReading(ledger, url, reader),
    ]);

    expect(ledger.wrong.slice(0, 5)).toEqual([]);
    expect(ledger.unexplained().slice(0, 5)).toEqual([]);
    expect(ledger.killedAt.length).toBeGreaterThanOrEqual(2);
    expect(reloads).toBeGreaterThanOrEqual(1);
    for (const { access_token: token, refresh_token } of newest) {
      expect((await ask(`${url}/auth/session`, { token })).status).toBe(200);
      expect((await ask(`${url}/auth/refresh`, { method: 'POST', token: refresh_token })).status).toBe(200);
    }
    expect((await ask(`${url}/auth/refresh`, { method: 'POST', token: revoked.refresh_token })).status).toBe(401);
    console.info(
      `${ledger.sent} requests, ${ledger.killedAt.length} workers killed, ${reloads} reloads, ` +
        `${ledger.losses.length} requests lost with the workers that had them`,
    );
    expect(await service.kill('SIGTERM')).toEqual({ code: 0, signal: null });
  });
});
