import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import Libsql from 'libsql';
import { mlapi, serve, startCompiled, type TestProcess } from '../../support/child.ts';
import { basic } from '../../support/oauth.ts';
import { temporaryFolder, type Tokens } from '../../support/service.ts';
import { until } from '../../support/running.ts';

const passphrase = 'MARKER-passphrase-5d20c1';
const passwords = { good: 'MARKER-password-8be1f4', wrong: 'MARKER-wrong-password-33a9', url: 'MARKERurlpassword77' };
const dataDir = temporaryFolder();
let service: TestProcess;
let url: string;
/** All issued tokens. */
const tokens: (Pick<Tokens, 'access_token'> & Partial<Tokens>)[] = [];
/** All secrets of the reusable client: the first, and its successor. */
const reusable: string[] = [];
/** All responses except those that issue tokens, headers included. */
let answers = '';

beforeAll(async () => {
  const passphraseFile = join(temporaryFolder(), 'passphrase');
  writeFileSync(passphraseFile, passphrase, { mode: 0o600 });
  const variables = {
    MLAPI_KEY_PASSPHRASE: '',
    MLAPI_KEY_PASSPHRASE_FILE: passphraseFile,
    MLAPI_WORKERS: '2',
    MLAPI_AUTH_RATE_LIMIT_PER_MINUTE: '1000',
  };
  const added = await mlapi(dataDir, ['clients', 'add', 'marker', '--stdin'], {
    variables,
    input: `${passwords.good}\n`,
  });
  expect(added).toMatchObject({ code: 0 });
  for (const words of [
    ['add', 'cron', '--reusable'],
    ['rotate-secret', 'cron', '--overlap', '1'],
  ]) {
    const { stdout, stderr } = await mlapi(dataDir, ['clients', ...words], { variables });
    const [secret = ''] = /\bmlapi_[\w-]+/.exec(stdout) ?? [];
    expect([secret.length, stderr.includes('mlapi_')]).toEqual([49, false]);
    reusable.push(secret);
  }
  ({ service, url } = await serve(dataDir, { variables }));
  await useEverything();
  await useReusable();
  await until(() => service.stdout.split('"path":"/auth/revoke"').length > 10);
});
afterAll(() => service.kill());

/** Every secret on every route, where it belongs and where it does not. */
async function useEverything(): Promise<void> {
  const reset = (password: string) => call('/auth/reset', { method: 'POST', body: credentials(password) });
  await reset(passwords.wrong);
  await reset(passwords.good);
  await reset(passwords.good);
  const [first] = tokens as Tokens[] as [Tokens];
  const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
  await call('/auth/refresh', { method: 'POST', headers: bearer(first.refresh_token) });
  if (tokens.length < 2) throw new Error(`${answers.slice(-900)}\n${service.stdout.slice(-3000)}`);
  const second = tokens[1] as Tokens;
  for (const secret of [first.access_token, second.refresh_token, passwords.wrong]) {
    await call(`/auth/session?token=${secret}`, { headers: bearer(secret) });
    await call('/api/ml', { headers: { ...bearer(`${secret}x`), cookie: secret, 'x-api-key': secret } });
    await call('/api/ml', { headers: { authorization: `Basic ${secret}` } });
    await call('/auth/reset', { method: 'POST', body: secret, headers: { 'content-type': 'application/json' } });
    await call('/auth/reset', {
      method: 'POST',
      body: `{"password":"${secret}"`,
      headers: { 'content-type': 'application/json' },
    });
    await call('/auth/reset', {
      method: 'POST',
      body: new URLSearchParams({ username: 'a', password: 'b', [secret]: '' }),
    });
    await call('/auth/revoke', { method: 'POST', body: new URLSearchParams({ token: `${secret}x` }) });
    await call('/api/ml', {
      method: 'POST',
      body: `["${secret}"]`,
      headers: { ...bearer(second.access_token), 'content-type': 'application/json' },
    });
    await call('/auth/reset', { method: 'POST', body: multipart(secret) });
  }
  await call('/auth/session', { headers: bearer(second.access_token) });
  await call('/auth/refresh', { method: 'POST', headers: bearer(first.refresh_token) });
  await call('/auth/revoke', { method: 'POST', body: new URLSearchParams({ token: second.access_token }) });
}

/** Both secrets of the reusable client, in every form of the grant and beside it. */
async function useReusable(): Promise<void> {
  const form = { grant_type: 'client_credentials' };
  const post = (path: string, fields: Record<string, string>, headers = {}) =>
    call(path, { method: 'POST', body: new URLSearchParams(fields), headers });
  for (const secret of reusable) {
    const inBody = { ...form, client_id: 'cron', client_secret: secret };
    const inHeader = { authorization: basic('cron', secret) };
    await post('/auth/token', inBody);
    await post('/auth/token', form, inHeader);
    await post('/auth/token', { ...inBody, client_secret: `${secret}x` });
    await post('/auth/token', form, { authorization: basic('cron', `${secret}x`) });
    await post('/auth/token', inBody, inHeader);
    await post('/auth/token', { ...inBody, scope: secret });
    await post('/auth/token', { grant_type: secret, client_id: secret, client_secret: secret });
    await post('/auth/token', { grant_type: 'refresh_token', refresh_token: secret, client_id: 'cron' });
    await post('/auth/token', { ...form, [secret]: secret, client_id: secret });
    await call(`/auth/token?client_secret=${secret}`, { method: 'POST', body: new URLSearchParams(inBody) });
    await call('/auth/token', { method: 'POST', body: multipart(secret), headers: inHeader });
    await call('/auth/token', { headers: inHeader });
    await post('/auth/reset', { username: 'cron', password: secret });
    await call('/api/ml', { headers: inHeader });
    await call('/api/ml', { headers: { authorization: `Bearer ${secret}` } });
    await post('/auth/revoke', { token: secret, client_id: 'cron', client_secret: secret });
    await post('/auth/revoke', { token: secret }, inHeader);
    await post('/auth/revoke', { token: `${secret}x` }, { authorization: basic('cron', `${secret}x`) });
  }
}

/** The credentials after the scheme, which must not be logged either. */
function basicOf(secret: string): string {
  return basic('cron', secret).slice('Basic '.length);
}

function credentials(password: string): URLSearchParams {
  return new URLSearchParams({ username: 'marker', password });
}

function multipart(secret: string): FormData {
  const data = new FormData();
  data.append(secret, secret);
  return data;
}

async function call(path: string, init: RequestInit): Promise<void> {
  const response = await fetch(url + path, init);
  const text = await response.text();
  if (text.includes('"access_token"')) tokens.push(JSON.parse(text) as (typeof tokens)[number]);
  else answers += `${JSON.stringify([...response.headers])}\n${text}\n`;
}

/** All secrets, and for tokens also their signatures, which cannot be guessed. */
function secrets(): string[] {
  const given = tokens.flatMap(({ access_token, refresh_token = [] }) => [access_token, refresh_token].flat());
  const signatures = given.map((token) => token.split('.')[2] ?? '');
  return [passphrase, ...Object.values(passwords), ...reusable, ...reusable.map(basicOf), ...given, ...signatures];
}

function expectNone(where: string, text: string): void {
  for (const secret of secrets()) {
    expect(secret.length).toBeGreaterThan(15);
    const forms = [
      secret,
      Buffer.from(secret).toString('base64').replace(/=+$/, ''),
      Buffer.from(secret).toString('hex'),
    ];
    for (const form of forms) expect([where, secret, text.includes(form)]).toEqual([where, secret, false]);
  }
}

/** A process and its descendants. */
function treeOf(pid: number): number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean);
  return [pid, ...children.flatMap((child) => treeOf(Number(child)))];
}

describe('secrets, after every route has received them', () => {
  test('tokens were issued and refused', () => {
    // Two of the one-time client; of each secret of the reusable client, one by body and one by header.
    expect(tokens.map(({ refresh_token }) => refresh_token !== undefined)).toEqual([
      true,
      true,
      false,
      false,
      false,
      false,
    ]);
    expect(answers.match(/invalid_client/g)?.length).toBeGreaterThan(5);
    expect(answers.match(/invalid_token/g)?.length).toBeGreaterThan(5);
  });

  test('are in no response except those that issue tokens', () => expectNone('answers', answers));

  test('are in no log line and not on standard error', () => {
    expect(service.stdout.split('\n').length).toBeGreaterThan(25);
    expectNone('log', service.stdout + service.stderr);
  });

  test('are in no audit row, although the grants are', () => {
    const database = new Libsql(join(dataDir, 'mlapi.db'));
    const rows = JSON.stringify(database.prepare('select * from audit_events').all());
    database.close();
    for (const event of ['client_secret_rotated', 'token_granted']) expect(rows).toContain(`"event":"${event}"`);
    expectNone('audit', rows);
  });

  test('are in no file of the data directory, which nobody else can read', () => {
    const files = readdirSync(dataDir).map((name) => join(dataDir, name));
    expect(files.length).toBeGreaterThan(0);
    for (const file of files) {
      expectNone(file, readFileSync(file, 'latin1'));
      expect([file, statSync(file).mode & 0o077]).toEqual([file, 0]);
    }
  });

  test('are in no argument or environment variable of the service’s processes', () => {
    const pids = treeOf(service.child.pid ?? 0);
    for (const pid of pids) {
      for (const list of ['cmdline', 'environ']) expectNone(list, readFileSync(`/proc/${pid}/${list}`, 'latin1'));
    }
  });

  test('a passphrase in the environment is readable by the service’s user only', async () => {
    const other = await serve(temporaryFolder(), { variables: { MLAPI_KEY_PASSPHRASE: passphrase } });
    try {
      for (const pid of treeOf(other.service.child.pid ?? 0)) {
        expect(statSync(`/proc/${pid}/environ`).mode & 0o077).toBe(0);
        expectNone('cmdline', readFileSync(`/proc/${pid}/cmdline`, 'latin1'));
        if (process.getuid?.() !== 0) continue;
        const asNobody = ['--reuid=65534', '--regid=65534', '--clear-groups', 'cat', `/proc/${pid}/environ`];
        expect(spawnSync('setpriv', asNobody, { encoding: 'utf8' })).toMatchObject({ status: 1, stdout: '' });
      }
    } finally {
      await other.service.kill();
    }
  });

  test('the unit disables core dumps, which would contain the private keys', () => {
    const unit = readFileSync('deploy/mlapi.service', 'utf8');
    expect(unit).toMatch(/^LimitCORE=0$/m);
    expect(unit).not.toMatch(/--(?:report|heapsnapshot|inspect|diagnostic)/);
  });
});

describe('secrets in an invalid configuration, or for an unreachable server', () => {
  const hosts = `127.0.0.1:1/mlapi`;
  test.each<[string, Record<string, string>]>([
    ['a database that does not answer', { MLAPI_DATABASE_URL: `postgres://mlapi:${passwords.url}@${hosts}` }],
    ['a database URL with a broken escape', { MLAPI_DATABASE_URL: `postgres://mlapi:${passwords.url}%zz@${hosts}` }],
    ['a database URL with a broken port', { MLAPI_DATABASE_URL: `postgres://mlapi:${passwords.url}@127.0.0.1:port/a` }],
    ['a database of another kind', { MLAPI_DATABASE_URL: `mysql://mlapi:${passwords.url}@${hosts}` }],
    ['a Redis that does not answer', { MLAPI_REDIS_URL: `redis://:${passwords.url}@127.0.0.1:1` }],
    ['a Redis URL with a broken port', { MLAPI_REDIS_URL: `redis://:${passwords.url}@127.0.0.1:port` }],
    ['a passphrase beside a file', { MLAPI_KEY_PASSPHRASE: passphrase, MLAPI_KEY_PASSPHRASE_FILE: '/dev/null' }],
    ['an unknown variable', { MLAPI_PASSWORD: passwords.url }],
  ])('are not repeated: %s', async (_name, variables) => {
    const child = startCompiled('mlapi/cli/serve.ts', [], {
      variables: { MLAPI_DATA_DIR: temporaryFolder(), ...variables },
    });
    await Promise.race([
      child.ended,
      child.says(/listening/).catch(() => undefined),
      delay(10_000, undefined, { ref: false }),
    ]);
    await child.kill();
    expect(child.stdout + child.stderr).not.toBe('');
    expectNone('output', child.stdout + child.stderr);
  });

  test('are not repeated: a wrong passphrase', async () => {
    const child = startCompiled('mlapi/cli/serve.ts', [], {
      variables: { MLAPI_DATA_DIR: dataDir, MLAPI_KEY_PASSPHRASE: 'MARKER-another-passphrase' },
    });
    expect((await child.ended).code).toBe(1);
    expect(child.stderr).not.toContain('MARKER');
    expectNone('output', child.stdout + child.stderr);
  });
});
