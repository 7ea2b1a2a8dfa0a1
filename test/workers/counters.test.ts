import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, jest, test } from '@jest/globals';
import { ask, childrenOf, until } from '../support/running.ts';
import { readyWorkersOf, serveWorkers } from '../support/workers.ts';

jest.setTimeout(240_000);

/** How many of these requests, all sent at once, are answered with each status. */
async function statuses(count: number, request: () => Promise<{ status: number }>): Promise<Record<number, number>> {
  const answers = await Promise.all(Array.from({ length: count }, request));
  const found: Record<number, number> = {};
  for (const { status } of answers) found[status] = (found[status] ?? 0) + 1;
  return found;
}

describe('counts shared by workers', () => {
  test('429: the limit per client is exact over three workers, and a killed worker’s counts are kept', async () => {
    const variables = { MLAPI_WORKERS: '3', MLAPI_RATE_LIMIT_PER_MINUTE: '100' };
    const { service, url, tokens } = await serveWorkers(['somebody'], variables);
    const token = tokens[0]!.access_token;
    const request = () => ask(`${url}/api/models`, { token });
    expect(await statuses(60, request)).toEqual({ 200: 60 });
    // A worker reports its counts within a few milliseconds.
    await delay(250);
    for (const pid of childrenOf(service).slice(0, 2)) process.kill(pid, 'SIGKILL');
    await service.says(/"worker exited".*"worker exited"/s);
    await until(() => readyWorkersOf(service).length === 3);
    expect(await statuses(60, request)).toEqual({ 200: 40, 429: 20 });
    await service.kill('SIGTERM');
  });

  test('429: failed passwords per name and requests per address are shared too', async () => {
    const variables = { MLAPI_WORKERS: '3', MLAPI_AUTH_RATE_LIMIT_PER_MINUTE: '20' };
    const { service, url } = await serveWorkers([], variables);
    const body = { username: 'nobody', password: 'wrong' };
    const guess = () => ask(`${url}/auth/reset`, { method: 'POST', body });
    expect(await statuses(30, guess)).toEqual({ 401: 20, 429: 10 });
    await service.kill('SIGTERM');
  });
});
