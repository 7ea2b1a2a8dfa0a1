import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { mlapi, serve, type TestProcess } from '../support/child.ts';
import { temporaryFolder, type Tokens } from '../support/service.ts';

const marker = 'MARKER-9f3b';
let service: TestProcess;
let url: string;
let tokens: Tokens;
let password: string;
let lines: Record<string, unknown>[];

/** Each request with its own id, by which its line is found. */
const requests: [id: string, code: string, status: number, send: () => Promise<unknown>][] = [
  [
    'reset-good-1',
    'ok',
    200,
    async () => (tokens = (await post('reset-good-1', '/auth/reset', reset(password))) as Tokens),
  ],
  ['reset-spent-1', 'invalid_client', 401, () => post('reset-spent-1', '/auth/reset', reset(password))],
  ['reset-wrong-1', 'invalid_client', 401, () => post('reset-wrong-1', '/auth/reset', reset(marker))],
  [
    'reset-unknown-1',
    'invalid_client',
    401,
    () => post('reset-unknown-1', '/auth/reset', { username: 'nobody', password: marker }),
  ],
  ['reset-shape-1', 'invalid_request', 400, () => post('reset-shape-1', '/auth/reset', { username: [marker] })],
  ['no-token-1', 'invalid_token', 401, () => get('no-token-1', '/api/ml', {})],
  ['reset-text-1', 'invalid_json', 400, () => postText('reset-text-1', '/auth/reset', `{"password":${marker}}`)],
  ['bad-token-1', 'invalid_token', 401, () => get('bad-token-1', '/api/ml', { authorization: `Bearer ${marker}` })],
  ['read-good-1', 'ok', 200, () => get('read-good-1', '/api/ml', bearer())],
  ['scope-refused-1', 'insufficient_scope', 403, () => post('scope-refused-1', '/api/ml', [[marker]], bearer())],
  ['not-found-1', 'not_found', 404, () => get('not-found-1', `/nothing?secret=${marker}`, bearer())],
  ['query-wrong-1', '', 400, () => get('query-wrong-1', `/api/models?page=${marker}`, bearer())],
  ['bad-path-1', 'invalid_path', 400, () => get('bad-path-1', '/api/%41', bearer())],
  ['bad-method-1', 'method_not_allowed', 405, () => send('bad-method-1', '/api/liveness', { method: 'DELETE' })],
  ['live-good-1', 'ok', 200, () => get('live-good-1', `/api/liveness`, { cookie: marker })],
];

async function send(id: string, path: string, init: RequestInit): Promise<unknown> {
  const headers = { ...(init.headers as Record<string, string>), 'x-request-id': id };
  const response = await fetch(url + path, { ...init, headers });
  const text = await response.text();
  return text === '' ? undefined : JSON.parse(text);
}

function get(id: string, path: string, headers: Record<string, string>): Promise<unknown> {
  return send(id, path, { headers });
}

function post(id: string, path: string, body: unknown, headers: Record<string, string> = {}): Promise<unknown> {
  return postText(id, path, JSON.stringify(body), headers);
}

function postText(id: string, path: string, body: string, headers: Record<string, string> = {}): Promise<unknown> {
  const type = { 'content-type': 'application/json' };
  return send(id, path, { method: 'POST', body, headers: { ...headers, ...type } });
}

function reset(secret: string): object {
  return { username: 'reader', password: secret };
}

function bearer(): Record<string, string> {
  return { authorization: `Bearer ${tokens.access_token}` };
}

/** Requests that the HTTP parser refuses never reach the application. */
async function sendGarbage(): Promise<void> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  socket.end(`GET / HTTP/1.1\r\nHost : ${marker}\r\n\r\n`);
  await new Promise((resolve) => socket.resume().once('close', resolve));
}

beforeAll(async () => {
  const dataDir = temporaryFolder();
  const { stdout } = await mlapi(dataDir, ['clients', 'add', 'reader', '--scopes', 'models:read']);
  password = stdout.replace('password: ', '').trim();
  ({ service, url } = await serve(dataDir));
  for (const [, , , request] of requests) await request();
  await sendGarbage();
  await service.kill('SIGTERM');
  lines = service.stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
});
afterAll(() => service.kill());

describe('the request log', () => {
  test.each(requests.map(([id, code, status]) => [id, code, status] as const))(
    '%s: exactly one line, with code "%s" and status %i',
    (id, code, status) => {
      const found = lines.filter((line) => line.request_id === id);
      expect(found).toHaveLength(1);
      expect(found[0]).toMatchObject({ message: 'request', status });
      expect(found[0]?.code).toMatch(code === '' ? /^[a-z_]+$/ : new RegExp(`^${code}$`));
      expect(found[0]?.path).not.toContain('?');
    },
  );

  test('malformed HTTP is logged too', () => {
    const found = lines.filter(({ code }) => code === 'malformed_http');
    expect(found).toHaveLength(1);
    expect(found[0]).toMatchObject({ status: 400, request_id: expect.stringMatching(/^[0-9a-f-]{36}$/) });
  });

  test('there are no other request lines', () => {
    expect(lines.filter(({ message }) => message === 'request')).toHaveLength(requests.length + 1);
  });

  test('no line contains a token, password, body, query or cookie', () => {
    const everything = service.stdout + service.stderr;
    const secrets = [marker, password, tokens.access_token, tokens.refresh_token, 'eyJ', 'a passphrase for tests'];
    for (const secret of secrets) expect(everything).not.toContain(secret);
  });

  test.each([
    ['reset-spent-1', 'spent password'],
    ['reset-wrong-1', 'wrong password'],
    ['reset-unknown-1', 'unknown client'],
  ])('%s: the log, but not the response, says why credentials were refused: %s', (id, cause) => {
    expect(lines.find(({ request_id }) => request_id === id)).toMatchObject({ cause });
  });

  test('the line names the client if its token was valid', () => {
    expect(lines.find(({ request_id }) => request_id === 'read-good-1')).toMatchObject({ client: 'reader' });
  });
});
