import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { serve } from '../support/child.ts';
import { startService, temporaryFolder, type TestService, type Tokens } from '../support/service.ts';

describe('two applications on one data directory', () => {
  let one: TestService;
  let two: TestService;
  beforeAll(async () => {
    one = await startService();
    two = await startService({}, { dataDir: one.dataDir, clock: one.clock });
  });
  afterAll(async () => {
    await two.close();
    await one.close();
  });

  test('a token issued by one is valid at the other; a token revoked at one is refused by the other at once', async () => {
    const { name, tokens } = await one.newClient();
    await two.session(tokens.access_token).expect(200);
    const { body } = await two.refresh(tokens.refresh_token).expect(200);
    await one.session((body as Tokens).access_token).expect(200);
    await one.refresh(tokens.refresh_token).expect(401);
    await two.session((body as Tokens).access_token).expect(401);
    await two.refresh((body as Tokens).refresh_token).expect(401);
    const renewed = await two.services.clients.resetPassword(name);
    const { body: again } = await one.reset(name, renewed).expect(200);
    await two.services.clients.disable(name);
    await one.session((again as Tokens).access_token).expect(401);
  });

  test('fifty parallel refreshes of one token, spread over both: exactly one 200, then the family is revoked', async () => {
    const { tokens } = await one.newClient();
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, index) => (index % 2 === 0 ? one : two).refresh(tokens.refresh_token)),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([200, ...Array.from({ length: 49 }, () => 401)]);
    const winner = answers.find(({ status }) => status === 200)?.body as Tokens;
    await one.refresh(winner.refresh_token).expect(401);
    await two.session(winner.access_token).expect(401);
  });

  test('key rotations and retirements at one take effect at the other at once', async () => {
    const { tokens } = await one.newClient();
    const [old] = one.services.keys.list();
    await one.services.keys.rotate({ now: true });
    const { tokens: newer } = await one.newClient();
    await two.session(newer.access_token).expect(200);
    await two.session(tokens.access_token).expect(200);
    await one.services.keys.retire(old!.kid, { now: true });
    await two.session(tokens.access_token).expect(401);
    await two.refresh(tokens.refresh_token).expect(401);
    await two.session(newer.access_token).expect(200);
  });
});

test('two applications started at once on an empty database create one key, and each can rotate it', async () => {
  const dataDir = temporaryFolder();
  const both = await Promise.all([startService({}, { dataDir }), startService({}, { dataDir })]);
  for (const [index, { services }] of both.entries()) {
    await services.keys.reload();
    expect(services.keys.list()).toHaveLength(1 + index);
    await services.keys.rotate({ now: true });
  }
  for (const service of both) await service.close();
});

/** POSTs a form to a service in another process. */
async function post(
  url: string,
  form: Record<string, string>,
  token?: string,
): Promise<{ status: number; body: Tokens }> {
  const response = await fetch(url, {
    method: 'POST',
    headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
    ...(Object.keys(form).length > 0 && { body: new URLSearchParams(form) }),
  });
  return { status: response.status, body: JSON.parse((await response.text()) || '{}') as Tokens };
}

describe('processes on one data directory', () => {
  const many = { variables: { MLAPI_AUTH_RATE_LIMIT_PER_MINUTE: '100000' } };

  test('two started at once on an empty directory create one database and one key', async () => {
    const dataDir = temporaryFolder();
    const both = await Promise.all([serve(dataDir), serve(dataDir)]);
    const keys = await Promise.all(both.map(async ({ url }) => (await fetch(`${url}/.well-known/jwks.json`)).text()));
    expect(keys[0]).toBe(keys[1]);
    expect(JSON.parse(keys[0] ?? '').keys).toHaveLength(1);
    const ends = await Promise.all(both.map(({ service }) => service.kill('SIGTERM')));
    expect(ends.map(({ code }) => code)).toEqual([0, 0]);
  });

  test('a reset raced between two processes: exactly one 200; a restart, even after kill -9, keeps all state', async () => {
    const setup = await startService();
    const { dataDir } = setup;
    const names = Array.from({ length: 10 }, (_, index) => `race-${index}`);
    const passwords = await Promise.all(names.map((name) => setup.services.clients.add(name)));
    await setup.close();
    const both = await Promise.all([serve(dataDir, many), serve(dataDir, many)]);
    const survivors: Tokens[] = [];
    for (const [index, username] of names.entries()) {
      const form = { username, password: passwords[index] ?? '' };
      const answers = await Promise.all([0, 1, 0, 1, 0, 1].map((at) => post(`${both[at]!.url}/auth/reset`, form)));
      expect(answers.map(({ status }) => status).sort()).toEqual([200, 401, 401, 401, 401, 401]);
      survivors.push(answers.find(({ status }) => status === 200)!.body);
    }
    const [kept, rotated, revoked] = survivors as [Tokens, Tokens, Tokens];
    const { status: rotation, body: successor } = await post(`${both[0].url}/auth/refresh`, {}, rotated.refresh_token);
    const { status: revocation } = await post(`${both[1].url}/auth/revoke`, { token: revoked.refresh_token });
    expect([rotation, revocation]).toEqual([200, 200]);
    await Promise.all(both.map(({ service }) => service.kill('SIGKILL')));

    const { service, url } = await serve(dataDir, many);
    const session = async ({ access_token }: Tokens) =>
      (await fetch(`${url}/auth/session`, { headers: { authorization: `Bearer ${access_token}` } })).status;
    const refresh = async ({ refresh_token }: Tokens) => (await post(`${url}/auth/refresh`, {}, refresh_token)).status;
    expect(await Promise.all([kept, successor, revoked].map(session))).toEqual([200, 200, 401]);
    expect(await refresh(revoked)).toBe(401);
    const spent = { username: names[0] ?? '', password: passwords[0] ?? '' };
    expect((await post(`${url}/auth/reset`, spent)).status).toBe(401);
    expect(await refresh(rotated)).toBe(401);
    expect(await refresh(successor)).toBe(401);
    expect(await refresh(kept)).toBe(200);
    await service.kill('SIGTERM');
  });
});
