import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { mlapi, serve } from '../../support/child.ts';
import { startService, temporaryFolder, type Tokens } from '../../support/service.ts';

const hourSeconds = 3_600;

/** libfaketime, from Debian's package "faketime". */
const library = ['/usr/lib', '/usr/local/lib']
  .filter((folder) => existsSync(folder))
  .flatMap((folder) => [folder, ...readdirSync(folder).map((name) => join(folder, name))])
  .map((folder) => join(folder, 'faketime/libfaketime.so.1'))
  .find((path) => existsSync(path));
if (library === undefined) console.warn('faketime is not installed: the clock of a real process is not stepped.');
const describeFaketime = library === undefined ? describe.skip : describe;

describe('a clock that is stepped', () => {
  test('back by an hour: spent and revoked tokens stay invalid, and no token lives longer', async () => {
    const service = await startService({ MLAPI_AUTH_RATE_LIMIT_PER_MINUTE: '200' });
    const { name, password, tokens } = await service.newClient();
    const { body } = await service.refresh(tokens.refresh_token).expect(200);
    const { tokens: revoked } = await service.newClient();
    await service.http.post('/auth/revoke').type('form').send({ token: revoked.refresh_token }).expect(200);
    service.clock.advanceSeconds(-hourSeconds);
    await service.reset(name, password).expect(401);
    await service.session(revoked.access_token).expect(401);
    await service.refresh(revoked.refresh_token).expect(401);
    // Issued in the future: setting the clock back does not extend its lifetime.
    await service.session((body as Tokens).access_token).expect(401);
    service.clock.advanceSeconds(hourSeconds);
    await service.session((body as Tokens).access_token).expect(200);
    await service.refresh(tokens.refresh_token).expect(401);
    await service.session((body as Tokens).access_token).expect(401);
    await service.close();
  });

  test('forward by an hour: access tokens expire, refresh tokens do not; stepping back extends neither', async () => {
    const service = await startService();
    const { tokens } = await service.newClient();
    service.clock.advanceSeconds(hourSeconds);
    await service.session(tokens.access_token).expect(401);
    const { body } = await service.refresh(tokens.refresh_token).expect(200);
    service.clock.advanceSeconds(-hourSeconds);
    await service.session((body as Tokens).access_token).expect(401);
    service.clock.advanceSeconds(hourSeconds + 901);
    await service.session((body as Tokens).access_token).expect(401);
    await service.close();
  });

  test('frozen: rotation is ordered by generation, so each refresh token still works once', async () => {
    const service = await startService();
    const { tokens } = await service.newClient();
    const { body: second } = await service.refresh(tokens.refresh_token).expect(200);
    const { body: third } = await service.refresh((second as Tokens).refresh_token).expect(200);
    await service.refresh((second as Tokens).refresh_token).expect(401);
    await service.refresh((third as Tokens).refresh_token).expect(401);
    await service.close();
  });
});

describeFaketime('the clock of a real process', () => {
  const seed = temporaryFolder();
  let tokens: Tokens;
  beforeAll(async () => {
    await mlapi(seed, ['clients', 'add', 'caller']);
    tokens = JSON.parse((await mlapi(seed, ['tokens', 'issue', 'caller'])).stdout) as Tokens;
  }, 120_000);

  test('stepped while the service runs: it keeps working, limits count real minutes, and the time is restored', async () => {
    const offset = join(temporaryFolder(), 'offset');
    const step = (value: string) => writeFileSync(offset, `${value}\n`);
    step('+0');
    const { service, url } = await serve(seed, {
      variables: {
        LD_PRELOAD: library!,
        FAKETIME_TIMESTAMP_FILE: offset,
        FAKETIME_NO_CACHE: '1',
        FAKETIME_DONT_FAKE_MONOTONIC: '1',
        MLAPI_AUTH_RATE_LIMIT_PER_MINUTE: '10',
      },
    });
    const session = async (token: string) => {
      const answer = await fetch(`${url}/api/models`, { headers: { authorization: `Bearer ${token}` } });
      await answer.text();
      return answer.status;
    };
    const statusOf = async (path: string) => (await fetch(url + path)).status;
    expect(await session(tokens.access_token)).toBe(200);
    step('+3600');
    expect(await session(tokens.access_token)).toBe(401);
    expect(await statusOf('/api/liveness')).toBe(200);
    step('-3600');
    expect(await session(tokens.access_token)).toBe(401);
    expect(await statusOf('/api/readiness')).toBe(200);
    for (let asked = 0; asked < 11; asked += 1) await statusOf('/auth/nothing');
    const limited = await fetch(`${url}/auth/nothing`);
    expect(limited.status).toBe(429);
    step('-7200');
    const later = await fetch(`${url}/auth/nothing`);
    // Not an hour, whatever the wall clock says.
    expect(later.status).toBe(429);
    expect(Number(later.headers.get('retry-after') ?? NaN)).toBeLessThanOrEqual(60);
    step('+0');
    expect(await session(tokens.access_token)).toBe(200);
    expect(await service.kill('SIGTERM')).toEqual({ code: 0, signal: null });
  });
});
