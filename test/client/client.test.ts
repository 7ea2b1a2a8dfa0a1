import { readFileSync } from 'node:fs';
import { inspect } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Client } from '../../mlapi/client/client.ts';
import { serviceName, version } from '../../mlapi/version.ts';
import { startService, type TestService } from '../support/service.ts';
import { clientOf, failureOf } from './double.ts';

let service: TestService;
let client: Client;
beforeAll(async () => {
  service = await startService({ MLAPI_MAX_ROWS: '100' });
  ({ client } = await clientOf(service));
});
afterAll(async () => {
  client.close();
  await service.close();
});

const rows = JSON.parse(readFileSync('files/requests/three-rows.json', 'utf8')) as unknown[][];
const model = 'nsl-kdd-classifier';

describe('calls', () => {
  test('200: health and readiness need no token; a draining service is not ready, without an error', async () => {
    const stranger = new Client({ url: service.url, tokens: { refresh_token: 'none' } });
    expect(await stranger.health()).toEqual({ status: 'ok', service: serviceName, version });
    expect(await stranger.ready()).toBe(true);
    const other = await startService();
    const there = new Client({ url: other.url, tokens: { refresh_token: 'none' } });
    other.services.lifecycle.enter('draining');
    expect(await there.ready()).toBe(false);
    for (const each of [stranger, there]) each.close();
    await other.close();
  });

  test('200: session returns the client and the expiry', async () => {
    const { client: reader, username } = await clientOf(service, { scopes: ['models:read'] });
    const session = await reader.session();
    expect(session).toMatchObject({ client: username, scopes: ['models:read'] });
    expect(Date.parse(session.expiresAt)).toBe(service.clock.now + 900_000);
    reader.close();
  });

  test('200: models are listed page by page, and a single model comes with its contract', async () => {
    const all = ['nsl-kdd-anomaly', model];
    for (const limit of [1, 100]) {
      const names: string[] = [];
      for await (const { name } of client.models.list({ limit })) names.push(name);
      expect(names.filter((name) => all.includes(name)).length).toBe(names.length);
      expect(names).toContain(model);
    }
    const information = await client.models.get(model);
    expect(information).toMatchObject({ name: model, version: '1', sha256: expect.stringMatching(/^[0-9a-f]{64}$/) });
    expect(information.features.length).toBe(41);
  });

  test('200: predict accepts one row or many, a version, and scores', async () => {
    expect(await client.predict(model, rows)).toEqual({ model, version: '1', predictions: ['dos', 'normal', 'probe'] });
    const { sample } = await client.models.get(model);
    const scored = await client.predict(model, sample, { version: '1', scores: true });
    expect(scored.scores![0]!.length).toBe(scored.classes!.length);
  });

  test('a number that JSON cannot express is refused before anything is sent', () => {
    // JSON would turn it into null, a missing value, for which a contract may have a replacement.
    expect(() => client.predict(model, [[NaN]])).toThrow(TypeError);
  });
});

describe('errors', () => {
  test('400: an error has code, detail, pointers and the request id that the log shows', async () => {
    const wrong = rows.map((row, at) => (at === 2 ? ['x', ...row.slice(1)] : row));
    const error = await failureOf(client.predict(model, wrong));
    expect(error).toMatchObject({
      name: 'ApiError',
      status: 400,
      code: 'invalid_rows',
      detail: 'The rows do not match the contract of the model.',
      requestId: expect.stringMatching(/^[\w-]{8,}$/),
    });
    expect(error.errors).toEqual([{ pointer: '/2/duration', detail: expect.stringContaining('"x"') }]);
    expect(error.message).toBe('400 invalid_rows: The rows do not match the contract of the model.');
  });

  test('403, 404 and 413 are not retried', async () => {
    const { client: reader, timing } = await clientOf(service, { scopes: ['models:read'] });
    expect(await failureOf(reader.predict(model, rows))).toMatchObject({ status: 403, code: 'insufficient_scope' });
    expect(await failureOf(reader.models.get('no-such'))).toMatchObject({ status: 404, code: 'model_not_found' });
    expect(await failureOf(reader.predict(model, rows, { version: '2' }))).toMatchObject({ status: 403 });
    expect(await failureOf(client.predict(model, Array<unknown[]>(101).fill(rows[0]!)))).toMatchObject({ status: 413 });
    expect(timing.waits).toEqual([]);
    reader.close();
  });

  test('401: wrong credentials are an RFC 6749 error, and the password is sent only once', async () => {
    const { client: stranger } = await clientOf(service, { password: 'not this one' });
    const first = await failureOf(stranger.session());
    expect(first).toMatchObject({ status: 401, code: 'invalid_client', requestId: expect.any(String) });
    expect(first.detail).toMatch(/has been used already/);
    expect(await failureOf(stranger.session())).toBe(first);
    stranger.close();
  });

  test.each(['', '.', '..'])(
    'the name %j is refused, because proxies would normalize the path to another one',
    (name) => {
      expect(() => client.models.get(name)).toThrow(TypeError);
    },
  );

  test('400: a name with slashes and marks is sent as one segment, which the service refuses', async () => {
    expect(await failureOf(client.models.get('../../auth/session?x=1#y'))).toMatchObject({ status: 400 });
  });
});

describe('construction', () => {
  test.each([
    ['no url', 'host:8080'],
    ['another protocol', 'ftp://127.0.0.1'],
    ['a password in the url', 'https://user:hunter2@127.0.0.1'],
    ['a query', 'https://127.0.0.1/?a=hunter2'],
    ['http across the network', 'http://mlapi.example.com'],
  ])('%s is refused, and not quoted', (_, url) => {
    const construct = () => new Client({ url, tokens: { refresh_token: 'a' } });
    expect(construct).toThrow(TypeError);
    expect(construct).not.toThrow(/hunter2|example/);
  });

  test('http to another machine works if allowed explicitly', () => {
    const url = 'http://mlapi.example.com';
    expect(() => new Client({ url, allowsPlainHttp: true, tokens: { refresh_token: 'a' } })).not.toThrow();
  });

  test('inspect, JSON and errors show no password and no tokens', async () => {
    const kept: string[] = [];
    const onTokens = (tokens: { access_token: string; refresh_token: string }) =>
      void kept.push(tokens.access_token, tokens.refresh_token);
    const { client: known, password } = await clientOf(service, { onTokens });
    const shown = () => inspect(known, { depth: Infinity, showHidden: true }) + JSON.stringify(known);
    const before = shown();
    await known.session();
    const error = await failureOf(known.models.get('no-such'));
    const all = before + shown() + inspect(error, { depth: Infinity, showHidden: true }) + JSON.stringify(error);
    expect(kept.length).toBe(2);
    for (const secret of [password, ...kept]) expect(all).not.toContain(secret);
    known.close();
  });
});
