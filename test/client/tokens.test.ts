import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { Client, type TokenResponse } from '../../mlapi/client/client.ts';
import { startService, type TestService } from '../support/service.ts';
import {
  clientOf,
  cut,
  failureOf,
  forwardTo,
  InstantTiming,
  inTurn,
  json,
  madeUp,
  madeUpResponse,
  startDouble,
} from './double.ts';

let service: TestService;
let requests: string[] = [];
beforeAll(async () => {
  service = await startService();
  // Express removes the mount path from the URL.
  service.server.prependListener('request', ({ method, url }) => requests.push(`${method} ${url}`));
});
beforeEach(() => {
  requests = [];
});
afterAll(() => service.close());

const to = (path: string) => requests.filter((request) => request.endsWith(path)).length;
const parallel = 100;

describe('a reusable client', () => {
  test('200: concurrent calls share one grant, an expired token is replaced by a new grant, and nothing is refreshed', async () => {
    const clientSecret = await service.services.clients.addReusable('cron');
    const client = new Client({ url: service.url, clientId: 'cron', clientSecret, scope: 'models:read' });
    const all = () => Promise.all(Array.from({ length: parallel }, () => client.session()));
    const [first] = await all();
    expect([first!.scopes, to('/auth/token'), to('/auth/reset')]).toEqual([['models:read'], 1, 0]);
    service.clock.advanceSeconds(901);
    await all();
    expect([to('/auth/token'), to('/auth/refresh')]).toEqual([2, 0]);
    await client.revoke();
    await expect(client.session()).rejects.toMatchObject({ code: 'tokens_lost' });
    client.close();
  });

  test('401: a wrong secret is not retried, and not shown', async () => {
    const client = new Client({ url: service.url, clientId: 'cron', clientSecret: 'wrong-secret' });
    for (let time = 0; time < 2; time += 1) {
      const failure = await failureOf(client.session());
      expect(failure).toMatchObject({ status: 401, code: 'invalid_client' });
      expect(failure.message).not.toContain('wrong-secret');
    }
    expect(to('/auth/token')).toBe(1);
    client.close();
  });
});

describe('token lifetime', () => {
  test('200: 100 parallel first calls make one reset, and 100 on an expired token one refresh', async () => {
    const { client } = await clientOf(service);
    const all = () => Promise.all(Array.from({ length: parallel }, () => client.session()));
    await all();
    expect([to('/auth/reset'), to('/auth/refresh')]).toEqual([1, 0]);
    service.clock.advanceSeconds(901);
    await all();
    expect([to('/auth/reset'), to('/auth/refresh'), to('/auth/session')]).toEqual([1, 1, 2 * parallel]);
    client.close();
  });

  test('200: if only the service knows that the token has expired, 100 refused calls share one refresh', async () => {
    const { tokens } = await service.newClient();
    requests = [];
    const client = new Client({ url: service.url, tokens });
    service.clock.advanceSeconds(901);
    const all = await Promise.all(Array.from({ length: parallel }, () => client.session()));
    expect(all.length).toBe(parallel);
    expect(to('/auth/refresh')).toBe(1);
    expect(to('/auth/session')).toBeGreaterThan(parallel);
    await client.session();
    expect(to('/auth/refresh')).toBe(1);
    client.close();
  });

  test('200: a token is replaced before it expires; a refresh token alone is enough to start', async () => {
    const { tokens } = await service.newClient();
    const timing = new InstantTiming(service.clock);
    const client = new Client({ url: service.url, timing, tokens: { refresh_token: tokens.refresh_token } });
    await client.session();
    expect(to('/auth/refresh')).toBe(1);
    service.clock.advanceSeconds(869);
    await client.session();
    expect(to('/auth/refresh')).toBe(1);
    service.clock.advanceSeconds(2);
    await client.session();
    expect(to('/auth/refresh')).toBe(2);
    client.close();
  });

  test('401: when the family has ended, one refresh is tried, and nothing is sent after it', async () => {
    const { client, username } = await clientOf(service);
    await client.session();
    await service.services.clients.revokeTokens(username);
    requests = [];
    expect(await failureOf(client.session())).toMatchObject({ status: 401, code: 'invalid_token' });
    expect(requests).toEqual(['GET /auth/session', 'POST /auth/refresh']);
    const all = await Promise.all(Array.from({ length: 10 }, () => failureOf(client.session())));
    expect(new Set(all.map(({ status }) => status))).toEqual(new Set([401]));
    expect(requests.length).toBe(2);
    client.close();
  });

  test('401: a service that refuses every token gets two requests, not an endless loop', async () => {
    const double = await startDouble((request, response) =>
      request.url === '/auth/refresh'
        ? json(200, madeUpResponse)(request, response)
        : json(401, { code: 'invalid_token', detail: 'no' })(request, response),
    );
    const client = new Client({ url: double.url, tokens: madeUp });
    expect(await failureOf(client.session())).toMatchObject({ status: 401 });
    expect(double.seen).toEqual(['GET /auth/session', 'POST /auth/refresh', 'GET /auth/session']);
    client.close();
    await double.close();
  });

  test('200: revoke ends the tokens at the service, and nothing is sent after it', async () => {
    const kept: TokenResponse[] = [];
    const { client } = await clientOf(service, { onTokens: (tokens) => void kept.push(tokens) });
    await client.session();
    await client.revoke();
    await service.session(kept[0]!.access_token).expect(401);
    requests = [];
    expect(await failureOf(client.session())).toMatchObject({ code: 'tokens_lost' });
    expect(requests).toEqual([]);
    client.close();
  });
});

describe('onTokens', () => {
  test('has stored new tokens before they are used, and is called again with them if it failed', async () => {
    const stored: string[] = [];
    let fails = true;
    const onTokens = ({ refresh_token: token }: TokenResponse) => {
      expect(to('/auth/session')).toBe(0);
      if (fails) return Promise.reject(new Error('the disk is full'));
      stored.push(token);
      return Promise.resolve();
    };
    const { client } = await clientOf(service, { onTokens });
    await expect(client.session()).rejects.toThrow('the disk is full');
    fails = false;
    await client.session();
    expect([stored.length, to('/auth/reset'), to('/auth/refresh')]).toEqual([1, 1, 0]);
    client.close();
  });
});

describe('lost responses', () => {
  /** A proxy that loses the responses to refreshes. */
  const startLossy = () =>
    startDouble(async (request, response) => {
      if (request.url !== '/auth/refresh') return forwardTo(service)(request, response);
      const { authorization = '' } = request.headers;
      await service.refresh(authorization.replace('Bearer ', '')).expect(200);
      request.socket.destroy();
      return undefined;
    });

  test('a refresh is not retried: the access token is used until it expires, and the family lives', async () => {
    const line = await startLossy();
    const { client } = await clientOf(service, { url: line.url });
    await client.session();
    service.clock.advanceSeconds(880);
    await client.session();
    await client.session();
    expect(line.seen.filter((request) => request.endsWith('/auth/refresh')).length).toBe(1);
    service.clock.advanceSeconds(30);
    expect(await failureOf(client.session())).toMatchObject({
      code: 'tokens_lost',
      detail: expect.stringContaining('a new password is needed'),
    });
    expect(line.seen.filter((request) => request.endsWith('/auth/refresh')).length).toBe(1);
    client.close();
    await line.close();
  });

  test('a reset is retried, since nothing can be lost', async () => {
    const double = await startDouble(inTurn(cut, json(200, madeUpResponse), json(200, { client: 'a' })));
    const timing = new InstantTiming(service.clock);
    const client = new Client({ url: double.url, username: 'a', password: 'b', timing });
    expect(await client.session()).toEqual({ client: 'a' });
    expect(double.seen).toEqual(['POST /auth/reset', 'POST /auth/reset', 'GET /auth/session']);
    client.close();
    await double.close();
  });

  test('a refresh token that was never sent stays valid: it works once the service is back', async () => {
    const first = await startDouble(forwardTo(service));
    const { client, timing } = await clientOf(service, { url: first.url });
    await client.session();
    client.close();
    await first.close();
    service.clock.advanceSeconds(1_000);
    expect(await failureOf(client.session())).toMatchObject({ code: 'unreachable', status: undefined });
    expect(timing.waits.length).toBe(4);
    const second = await startDouble(forwardTo(service), Number(new URL(first.url).port));
    expect(await client.session()).toMatchObject({ client: expect.any(String) });
    client.close();
    await second.close();
  });

  test('503: a refresh is retried with the same token', async () => {
    const busy = json(503, { error: 'temporarily_unavailable', error_description: 'busy' }, { 'retry-after': '1' });
    const double = await startDouble(inTurn(busy, json(200, madeUpResponse), json(200, { client: 'a' })));
    const timing = new InstantTiming(service.clock);
    const client = new Client({ url: double.url, tokens: { refresh_token: 'a' }, timing });
    await client.session();
    expect([double.seen.length, timing.waits]).toEqual([3, [1_100]]);
    client.close();
    await double.close();
  });

  test('404 and 503: the tokens are kept, however often the service refuses without acting', async () => {
    const [absent, busy] = [json(404, '<html>'), json(503, {})];
    const double = await startDouble(
      inTurn(absent, busy, busy, busy, busy, busy, json(200, madeUpResponse), json(200, { client: 'a' })),
    );
    const timing = new InstantTiming(service.clock);
    const client = new Client({ url: double.url, tokens: { refresh_token: 'a' }, timing });
    expect(await failureOf(client.session())).toMatchObject({ status: 404 });
    expect(await failureOf(client.session())).toMatchObject({ status: 503 });
    expect(await client.session()).toEqual({ client: 'a' });
    client.close();
    await double.close();
  });

  test('a refresh opens its own connection, because a kept one may be dead', async () => {
    const known = new WeakSet<object>();
    const double = await startDouble((request, response) => {
      const isKept = known.has(request.socket);
      known.add(request.socket);
      if (request.url !== '/auth/refresh') return json(200, { client: 'a' })(request, response);
      return isKept ? request.socket.destroy() : json(200, madeUpResponse)(request, response);
    });
    const timing = new InstantTiming(service.clock);
    const client = new Client({ url: double.url, tokens: { refresh_token: 'a' }, timing });
    await client.session();
    service.clock.advanceSeconds(901);
    expect(await client.session()).toEqual({ client: 'a' });
    client.close();
    await double.close();
  });

  test('an aborted caller does not abort the refresh that others wait for', async () => {
    let answer: () => void = () => undefined;
    const isAsked = new Promise<void>((resolve) => {
      answer = resolve;
    });
    let release: () => void = () => undefined;
    const double = await startDouble(async (request, response) => {
      if (request.url === '/auth/refresh') {
        answer();
        await new Promise<void>((resolve) => (release = resolve));
        return json(200, madeUpResponse)(request, response);
      }
      return json(200, { client: 'a' })(request, response);
    });
    const client = new Client({ url: double.url, tokens: { refresh_token: 'a' } });
    const controller = new AbortController();
    const [given, kept] = [client.session({ signal: controller.signal }), client.session()];
    const refused = expect(given).rejects.toThrow('enough');
    await isAsked;
    controller.abort(new Error('enough'));
    await refused;
    release();
    expect(await kept).toEqual({ client: 'a' });
    expect(double.seen).toEqual(['POST /auth/refresh', 'GET /auth/session']);
    client.close();
    await double.close();
  });
});
