import { describe, expect, jest, test } from '@jest/globals';
import { serve } from '../support/child.ts';
import { startService } from '../support/service.ts';
import { allReady, ask, childrenOf, until } from '../support/workers.ts';

jest.setTimeout(240_000);

/** Three workers, and a client's access token. */
async function serveThree(variables: Record<string, string>) {
  const setup = await startService();
  const { tokens } = await setup.newClient();
  await setup.close();
  const three = { MLAPI_WORKERS: '3', ...variables };
  const { service, url } = await serve(setup.dataDir, { variables: three });
  await until(() => childrenOf(service).length === 3);
  await allReady(url);
  return { service, url, token: tokens.access_token };
}

/** How many of these requests, all sent at once, are answered with each status. */
async function statuses(count: number, request: () => Promise<{ status: number }>): Promise<Record<number, number>> {
  const answers = await Promise.all(Array.from({ length: count }, request));
  const found: Record<number, number> = {};
  for (const { status } of answers) found[status] = (found[status] ?? 0) + 1;
  return found;
}

describe('workers count together', () => {
  test('429: the limit per client is exact over three workers, and a worker that is killed takes no count along', async () => {
    const { service, url, token } = await serveThree({ MLAPI_RATE_LIMIT_PER_MINUTE: '100' });
    const request = () => ask(`${url}/api/models`, { token });
    expect(await statuses(60, request)).toEqual({ 200: 60 });
    for (const pid of childrenOf(service).slice(0, 2)) process.kill(pid, 'SIGKILL');
    await service.says(/"a worker ended".*"a worker ended"/s);
    await allReady(url);
    expect(await statuses(60, request)).toEqual({ 200: 40, 429: 20 });
    await service.kill('SIGTERM');
  });

  test('429: failed passwords for one name and requests of one address, too', async () => {
    const { service, url } = await serveThree({ MLAPI_AUTH_RATE_LIMIT_PER_MINUTE: '20' });
    const body = { username: 'nobody', password: 'wrong' };
    const guess = () => ask(`${url}/auth/reset`, { method: 'POST', body });
    expect(await statuses(30, guess)).toEqual({ 401: 20, 429: 10 });
    await service.kill('SIGTERM');
  });
});
