import { Agent, request } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { mlapi, serve, type TestProcess } from '../../support/child.ts';
import { temporaryFolder, type Tokens } from '../../support/service.ts';
import { until } from '../../support/running.ts';

const workers = 3;
const dataDir = temporaryFolder();
let service: TestProcess;
let url: string;
beforeAll(async () => {
  const variables = {
    MLAPI_WORKERS: String(workers),
    MLAPI_AUTH_RATE_LIMIT_PER_MINUTE: '100000',
    MLAPI_RATE_LIMIT_PER_MINUTE: '1000000',
  };
  ({ service, url } = await serve(dataDir, { variables }));
});
afterAll(async () => {
  await service.kill('SIGTERM');
});

interface Outcome {
  readonly status: number;
  readonly body: string;
}

/** Sends a request on a new connection, so that any worker may get it. */
function send(method: string, path: string, body = '', token?: string): Promise<Outcome> {
  const headers = {
    ...(body !== '' && { 'content-type': 'application/x-www-form-urlencoded' }),
    ...(token !== undefined && { authorization: `Bearer ${token}` }),
  };
  return new Promise((resolve, reject) => {
    const sent = request(`${url}${path}`, { method, headers, agent: new Agent({ keepAlive: false }) }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body: text }));
    });
    sent.on('error', reject).end(body);
  });
}

async function newClient(name: string): Promise<string> {
  const { stdout } = await mlapi(dataDir, ['clients', 'add', name]);
  return /password: (\S+)/.exec(stdout)?.[1] ?? '';
}

const reset = (username: string, password: string) =>
  send('POST', '/auth/reset', new URLSearchParams({ username, password }).toString());
const times = <T>(count: number, one: () => Promise<T>) => Promise.all(Array.from({ length: count }, one));
const count = (outcomes: readonly Outcome[], status: number) =>
  outcomes.filter((outcome) => outcome.status === status).length;

describe('consistency across workers', () => {
  test('B35: exactly one 200 of 64 resets with one password, on separate connections', async () => {
    const password = await newClient('raced');
    const outcomes = await times(64, () => reset('raced', password));
    expect(count(outcomes, 200)).toBe(1);
    expect(outcomes.every(({ status }) => [200, 401, 503].includes(status))).toBe(true);
    expect(count(await times(2 * workers, () => reset('raced', password)), 401)).toBe(2 * workers);
  });

  test('B37: exactly one 200 of 50 refreshes with one token; then no token of the family works', async () => {
    const tokens = JSON.parse((await reset('rotated', await newClient('rotated'))).body) as Tokens;
    const outcomes = await times(50, () => send('POST', '/auth/refresh', '', tokens.refresh_token));
    expect(count(outcomes, 200)).toBe(1);
    const successor = JSON.parse(outcomes.find(({ status }) => status === 200)?.body ?? '') as Tokens;
    for (const token of [tokens.access_token, successor.access_token]) {
      expect(count(await times(4 * workers, () => send('GET', '/auth/session', '', token)), 401)).toBe(4 * workers);
    }
    expect((await send('POST', '/auth/refresh', '', successor.refresh_token)).status).toBe(401);
  });

  test('A22: a revoked token and a disabled client are 401 at every worker at once', async () => {
    const password = await newClient('revoked');
    const tokens = JSON.parse((await reset('revoked', password)).body) as Tokens;
    const session = () => send('GET', '/auth/session', '', tokens.access_token);
    expect(count(await times(4 * workers, session), 200)).toBe(4 * workers);
    expect((await send('POST', '/auth/revoke', `token=${tokens.refresh_token}`)).status).toBe(200);
    expect(count(await times(4 * workers, session), 401)).toBe(4 * workers);

    const other = JSON.parse((await reset('disabled', await newClient('disabled'))).body) as Tokens;
    const otherSession = () => send('GET', '/auth/session', '', other.access_token);
    expect(count(await times(4 * workers, otherSession), 200)).toBe(4 * workers);
    expect(await mlapi(dataDir, ['clients', 'disable', 'disabled'])).toMatchObject({ code: 0, stderr: '' });
    expect(count(await times(4 * workers, otherSession), 401)).toBe(4 * workers);
  });

  test('A23: tokens of a rotated key are valid at every worker at once, those of a retired key invalid', async () => {
    const old = JSON.parse((await reset('keyed', await newClient('keyed'))).body) as Tokens;
    const kid = JSON.parse((await send('GET', '/.well-known/jwks.json')).body) as { keys: { kid: string }[] };
    expect(await mlapi(dataDir, ['keys', 'rotate', '--now'])).toMatchObject({ code: 0, stderr: '' });
    const fresh = JSON.parse((await reset('keyed-2', await newClient('keyed-2'))).body) as Tokens;
    const sessions = await times(4 * workers, () => send('GET', '/auth/session', '', fresh.access_token));
    expect(count(sessions, 200)).toBe(4 * workers);
    expect(await mlapi(dataDir, ['keys', 'retire', kid.keys[0]?.kid ?? '', '--now'])).toMatchObject({
      code: 0,
      stderr: '',
    });
    const dead = await times(4 * workers, () => send('GET', '/auth/session', '', old.access_token));
    expect(count(dead, 401)).toBe(4 * workers);
    // The public keys follow within a second.
    await until(async () => {
      const listed = await times(2 * workers, () => send('GET', '/.well-known/jwks.json'));
      return listed.every(({ body }) => !body.includes(kid.keys[0]?.kid ?? ''));
    });
  });
});
