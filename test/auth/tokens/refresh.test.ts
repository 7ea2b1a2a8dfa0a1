import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { decodeToken } from '../../support/forge.ts';
import { startService, type TestService, type Tokens } from '../../support/service.ts';

let service: TestService;
beforeAll(async () => {
  service = await startService();
});
afterAll(() => service.close());

async function refreshed(token: string, on = service): Promise<Tokens> {
  const { body } = await on.refresh(token).expect(200);
  return body as Tokens;
}

describe('POST /auth/refresh', () => {
  test('200: a refresh token returns its successor, and the previous access token stays valid', async () => {
    const { tokens } = await service.newClient();

    const { body } = await service.refresh(tokens.refresh_token).expect(200).expect('cache-control', 'no-store');

    const next = body as Tokens;
    expect(next).toMatchObject({
      token_type: 'Bearer',
      expires_in: 900,
      refresh_expires_in: 86_400,
      scope: 'models:predict models:read',
    });
    expect(next.refresh_token).not.toBe(tokens.refresh_token);
    await service.session(tokens.access_token).expect(200);
    await service.session(next.access_token).expect(200);
  });

  test('401: a refresh token used twice revokes the whole family, access tokens included', async () => {
    const { tokens } = await service.newClient();
    const second = await refreshed(tokens.refresh_token);
    const third = await refreshed(second.refresh_token);

    await service.refresh(tokens.refresh_token).expect(401);

    await service.refresh(third.refresh_token).expect(401);
    for (const { access_token } of [tokens, second, third]) await service.session(access_token).expect(401);
  });

  test('401: the challenge names an error for an invalid token, and none if no token was sent', async () => {
    const none = await service.http.post('/auth/refresh').expect(401);
    expect(none.headers['www-authenticate']).toBe('Bearer realm="mlapi"');
    const bad = await service.refresh('x.y.z').expect(401);
    expect(bad.headers['www-authenticate']).toBe('Bearer realm="mlapi", error="invalid_token"');
    expect(bad.body).toEqual(none.body);
  });

  test('exactly one 200 of twenty parallel refreshes with one token; then the family is revoked', async () => {
    const { tokens } = await service.newClient();
    const answers = await Promise.all(Array.from({ length: 20 }, () => service.refresh(tokens.refresh_token)));
    const winners = answers.filter(({ status }) => status === 200);
    expect(winners).toHaveLength(1);
    expect(answers.filter(({ status }) => status === 401)).toHaveLength(19);
    await service.refresh((winners[0]?.body as Tokens).refresh_token).expect(401);
    await service.session(tokens.access_token).expect(401);
  });

  test('rotation does not depend on the clock: two rotations within one second work', async () => {
    const { tokens } = await service.newClient();
    const second = await refreshed(tokens.refresh_token);
    const third = await refreshed(second.refresh_token);
    const generations = [tokens, second, third].map(({ refresh_token }) => decodeToken(refresh_token).claims);
    expect(generations.map(({ gen }) => gen)).toEqual([0, 1, 2]);
    expect(new Set(generations.map(({ iat }) => iat)).size).toBe(1);
    await service.refresh(second.refresh_token).expect(401);
  });

  test('a replay in one family does not affect families of other clients', async () => {
    const [one, other] = [await service.newClient(), await service.newClient()];
    await refreshed(one.tokens.refresh_token);
    await service.refresh(one.tokens.refresh_token).expect(401);
    await refreshed(other.tokens.refresh_token);
  });

  test('scope: a narrower scope applies to this access token only; a wider one is 400 and changes nothing', async () => {
    const { tokens } = await service.newClient();
    const narrow = (scope: string) => service.refresh(tokens.refresh_token).send({ scope });
    for (const scope of ['admin', 'models:read admin', 'models:rea', '  ']) await narrow(scope).expect(400);
    const { body } = await narrow('models:read').expect(200);
    expect(body.scope).toBe('models:read');
    expect(decodeToken(body.access_token as string).claims.scope).toBe('models:read');
    expect((await refreshed(body.refresh_token as string)).scope).toBe('models:predict models:read');
  });
});

describe('lifetime of a family', () => {
  test('an access token expires to the second', async () => {
    const { tokens } = await service.newClient();
    service.clock.advanceSeconds(899);
    await service.session(tokens.access_token).expect(200);
    service.clock.advanceSeconds(1);
    await service.session(tokens.access_token).expect(401);
    await refreshed(tokens.refresh_token);
  });

  test('an idle family expires', async () => {
    const { tokens } = await service.newClient();
    service.clock.advanceSeconds(86_400);
    await service.refresh(tokens.refresh_token).expect(401);
  });

  test('an active family expires exactly at its absolute limit', async () => {
    const short = await startService({
      MLAPI_REFRESH_TTL_SECONDS: '1000',
      MLAPI_REFRESH_MAX_TTL_SECONDS: '3000',
    });
    let { tokens } = await short.newClient();
    for (const left of [2_500, 2_000, 1_500, 1_000, 500]) {
      short.clock.advanceSeconds(500);
      tokens = await refreshed(tokens.refresh_token, short);
      expect(tokens.refresh_expires_in).toBe(Math.min(1_000, left));
      expect(tokens.expires_in).toBe(Math.min(900, left));
    }
    short.clock.advanceSeconds(499);
    await short.session(tokens.access_token).expect(200);
    short.clock.advanceSeconds(1);
    await short.session(tokens.access_token).expect(401);
    await short.refresh(tokens.refresh_token).expect(401);
    await short.close();
  });

  test('purging old families keeps those whose tokens can still be presented', async () => {
    const own = await startService();
    const count = async () => (await own.services.database.selectFrom('token_families').select('id').execute()).length;
    const { tokens } = await own.newClient();
    own.clock.advanceSeconds(2_592_000 - 1);
    await own.services.tokens.purge();
    expect(await count()).toBe(1);
    own.clock.advanceSeconds(86_402);
    await own.services.tokens.purge();
    expect(await count()).toBe(0);
    await own.refresh(tokens.refresh_token).expect(401);
    await own.close();
  });

  test('a clock set back extends no token and undoes no rotation', async () => {
    const { tokens } = await service.newClient();
    const second = await refreshed(tokens.refresh_token);
    service.clock.advanceSeconds(-3_600);
    await service.session(tokens.access_token).expect(401);
    await service.refresh(tokens.refresh_token).expect(401);
    service.clock.advanceSeconds(3_600);
    await refreshed(second.refresh_token);
    await service.refresh(tokens.refresh_token).expect(401);
    await service.refresh(second.refresh_token).expect(401);
  });
});

describe('with a grace period', () => {
  let graceful: TestService;
  beforeAll(async () => {
    graceful = await startService({ MLAPI_REFRESH_GRACE_SECONDS: '10' });
  });
  afterAll(() => graceful.close());

  test('200: a retry of the last spent token returns the same successor, also in parallel', async () => {
    const { tokens } = await graceful.newClient();
    const answers = await Promise.all(Array.from({ length: 20 }, () => refreshed(tokens.refresh_token, graceful)));
    expect(new Set(answers.map(({ refresh_token }) => refresh_token)).size).toBe(1);
    graceful.clock.advanceSeconds(10);
    const late = await refreshed(tokens.refresh_token, graceful);
    expect(late.refresh_token).toBe(answers[0]?.refresh_token);
    await graceful.session(late.access_token).expect(200);
    await refreshed(late.refresh_token, graceful);
  });

  test('401: after the grace period a retry counts as a replay', async () => {
    const { tokens } = await graceful.newClient();
    const next = await refreshed(tokens.refresh_token, graceful);
    graceful.clock.advanceSeconds(11);
    await graceful.refresh(tokens.refresh_token).expect(401);
    await graceful.refresh(next.refresh_token).expect(401);
  });

  test('401: an older ancestor counts as a replay, even within the grace period', async () => {
    const { tokens } = await graceful.newClient();
    const second = await refreshed(tokens.refresh_token, graceful);
    const third = await refreshed(second.refresh_token, graceful);
    await graceful.refresh(tokens.refresh_token).expect(401);
    await graceful.refresh(third.refresh_token).expect(401);
  });

  test('401: a retry from another address counts as a replay', async () => {
    const { tokens } = await graceful.newClient();
    const next = await refreshed(tokens.refresh_token, graceful);
    await graceful.refresh(tokens.refresh_token).set('X-Forwarded-For', '192.0.2.7').expect(401);
    await graceful.refresh(next.refresh_token).expect(401);
  });
});
