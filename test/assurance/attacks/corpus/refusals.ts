import { gzipSync } from 'node:zlib';
import type { Forger } from '../../../support/forge.ts';
import type { WatchedService } from '../../../support/watched.ts';
import { chunked, doubtful, get, heads, methods, paths, statusHere } from './http.ts';
import { refusedTokens } from './tokens.ts';

/** One refused request, as bytes. */
export interface Refusal {
  /** Case in the README: `A1`. */
  readonly case: string;
  readonly name: string;
  readonly bytes: Buffer;
  readonly status: number;
  /** Whether the response has the shape of RFC 6749. */
  readonly isAuth: boolean;
  /** Whether an audit row is written: the only change that a refusal may make. */
  readonly isAudited?: boolean;
}

/** Stands in for secrets in the requests: wherever it is found, something has leaked. */
export const canary = 'CANARY-secret-7c1f';

const json = 'application/json';
const form = 'application/x-www-form-urlencoded';

/** Refused requests of the groups A, B and C, with their statuses. */
export async function makeRefusals({ inside }: WatchedService, forger: Forger): Promise<Refusal[]> {
  const spent = await inside.newClient();
  const disabled = await inside.newClient();
  await inside.services.clients.disable(disabled.name);
  const replayed = await inside.newClient();
  await inside.refresh(replayed.tokens.refresh_token).expect(200);
  const revoked = await inside.newClient();
  await inside.http.post('/auth/revoke').type('form').send({ token: revoked.tokens.access_token }).expect(200);

  return [
    ...refusedTokens(forger, spent.tokens.refresh_token).map(([id, name, token]) => bearer(id, name, token)),
    { ...bearer('A20', 'a scope that is missing', forger.withClaims({ scope: '' }), '/api/ml'), ...insufficient },
    bearer('A21', 'a tab before it', `\t${forger.tokens.access_token}`),
    refusal('A21', 'Basic', get('/api/ml', `Authorization: Basic ${btoa(`a:${canary}`)}\r\n`), 401),
    refusal('A21', 'a token in the query', get(`/api/ml?access_token=${forger.tokens.access_token}`), 401),
    bearer('A22', 'a revoked family', revoked.tokens.access_token),
    bearer('A22', 'a disabled client', disabled.tokens.access_token),
    reset('B28', 'an unknown name', { username: 'nobody', password: canary }, 401),
    reset('B28', 'a wrong password', { username: forger.clientName, password: canary }, 401),
    reset('B28', 'a disabled client', { username: disabled.name, password: disabled.password }, 401),
    reset('B29', 'a password over the limit', { username: 'a', password: canary.repeat(80) }, 400),
    reset('B29', 'a password with NUL', { username: forger.clientName, password: `${canary}\0` }, 401),
    reset('B30', 'a name that is a list', { username: [canary], password: canary }, 400),
    reset('B30', 'an operator of MongoDB', { username: { $gt: '' }, password: { $gt: canary } }, 400),
    reset('B34', 'a name with SQL', { username: `' OR 1=1--`, password: canary }, 401),
    reset('B34', 'a name in other letters', { username: forger.clientName.toUpperCase(), password: canary }, 401),
    reset('B36', 'a spent password', { username: spent.name, password: spent.password }, 401),
    rotate('B38', 'a spent refresh token', replayed.tokens.refresh_token, {}, 401),
    rotate('B45', 'a wider scope', forger.tokens.refresh_token, { scope: `models:read ${canary}` }, 400),
    rotate('B46', 'the refresh token of a disabled client', disabled.tokens.refresh_token, {}, 401),
    refusal(
      'B49',
      'Basic beside the body',
      post('/auth/reset', json, `{"username":"a","password":"${canary}"}`, `Authorization: Basic ${btoa(canary)}\r\n`),
      400,
    ),
    refusal('B50', 'a field twice', post('/auth/reset', form, `username=a&password=${canary}&password=b`), 400),
    refusal('B50', 'an unknown field', post('/auth/reset', form, `username=a&password=b&${canary}`), 400),
    refusal('B50', 'JSON said to be a form', post('/auth/reset', form, `{"username":"a","password":"${canary}"}`), 400),
    refusal('B50', 'a form said to be JSON', post('/auth/reset', json, `username=a&password=${canary}`), 400),
    refusal('B50', 'GET', get(`/auth/reset?username=a&password=${canary}`), 405),
    refusal('B50', 'text', post('/auth/reset', 'text/plain', canary), 415),
    ...ofParser(),
    ...ofBodies(forger.tokens.access_token),
    refusal('C72', 'a preflight from nowhere', preflight, 401),
  ];
}

const insufficient = { status: 403, isAudited: true };
const preflight = 'OPTIONS /api/ml HTTP/1.1\r\nHost: a\r\nOrigin: null\r\nAccess-Control-Request-Method: POST\r\n\r\n';

function ofParser(): Refusal[] {
  return [
    ...methods.map(([name, bytes, status]) => refusal('C54', name, bytes, status)),
    ...paths.map(([name, target, status]) => refusal('C55', name, get(target), status)),
    refusal('C56', 'an unknown parameter', get(`/api/liveness?__proto__[x]=${canary}`), 400),
    refusal('C56', 'a parameter twice', get('/api/liveness?a=1&a=2'), 400),
    ...heads.map(([name, bytes, status]) => refusal('C66', name, bytes, status)),
    refusal('C68', 'a header of 20 kB', get('/api/liveness', `X: ${canary.repeat(1_200)}\r\n`), 431),
  ];
}

function ofBodies(token: string): Refusal[] {
  const authorization = `Authorization: Bearer ${token}\r\n`;
  const predict = (id: string, name: string, body: string | Buffer, status: number, type = json, headers = '') =>
    refusal(id, name, post('/api/ml', type, body, authorization + headers), status);
  const framed = ([name, headers, body, status]: (typeof doubtful)[number]) => {
    const bytes = `POST /api/ml HTTP/1.1\r\nHost: a\r\n${authorization}Content-Type: ${json}\r\n${headers}\r\n\r\n${body}`;
    return refusal('C65', name, bytes, statusHere(name, status));
  };
  const bomb = gzipSync(Buffer.alloc(10_000_000, '['));
  const endless = `${chunked}\r\n\r\n100001\r\n${'['.repeat(0x100001)}\r\n`;
  return [
    refusal('C57', 'a length over the limit', head('/api/ml', json, `${authorization}Content-Length: 9999999`), 413),
    refusal('C57', 'chunks over the limit', head('/api/ml', json, authorization + endless), 413),
    predict('C58', 'a bomb in gzip', bomb, 415, json, 'Content-Encoding: gzip\r\n'),
    predict('C59', '400,000 brackets', '['.repeat(400_000), 400),
    predict('C59', '340,000 empty rows', `[${'{},'.repeat(340_000)}{}]`, 413),
    predict('C59', '80,000 names', `{${Array.from({ length: 80_000 }, (_, at) => `"${at}":1`).join()}}`, 400),
    predict('C59', 'a name of 1 MB', `{"${'a'.repeat(1_000_000)}":1}`, 400),
    predict('C59', '170,000 escapes', `["${'\\u0041'.repeat(170_000)}"]`, 400),
    predict('C59', 'a million digits', `[[${'9'.repeat(1_000_000)}]]`, 400),
    predict('C60', '__proto__', '{"__proto__":{"x":1}}', 400),
    predict('C61', 'numbers in quotes', `[[${Array(41).fill('"1"').join()}]]`, 400),
    predict('C61', '1e999', `[[${Array(41).fill('1e999').join()}]]`, 400),
    predict('C62', 'another type', '[[1]]', 415, 'application/jsonx'),
    predict('C63', 'an unpaired surrogate', '{"a":"\\ud800"}', 400),
    predict('C63', 'no UTF-8', Buffer.from([0x5b, 0xff, 0x5d]), 400),
    predict('C64', 'null', 'null', 400),
    predict('C64', 'nothing', '', 400),
    ...doubtful.map(framed),
  ];
}

function refusal(id: string, name: string, bytes: string | Buffer, status: number): Refusal {
  const whole = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes, 'latin1');
  return { case: id, name, bytes: whole, status, isAuth: /^[A-Z]+ \/auth[/?]/.test(whole.toString('latin1', 0, 20)) };
}

function bearer(id: string, name: string, token: string, path = '/auth/session'): Refusal {
  const headers = `Authorization: Bearer ${token}\r\n`;
  return path === '/auth/session'
    ? refusal(id, name, get(path, headers), 401)
    : refusal(id, name, post(path, json, `["${canary}"]`, headers), 401);
}

function reset(id: string, name: string, body: object, status: number): Refusal {
  return refusal(id, name, post('/auth/reset', json, JSON.stringify(body)), status);
}

function rotate(id: string, name: string, token: string, body: object, status: number): Refusal {
  return refusal(
    id,
    name,
    post('/auth/refresh', json, JSON.stringify(body), `Authorization: Bearer ${token}\r\n`),
    status,
  );
}

function head(path: string, type: string, headers: string): string {
  return `POST ${path} HTTP/1.1\r\nHost: a\r\nContent-Type: ${type}\r\n${headers}${headers.includes('\r\n\r\n') ? '' : '\r\n\r\n'}`;
}

function post(path: string, type: string, body: string | Buffer, headers = ''): Buffer {
  const bytes = Buffer.from(body);
  return Buffer.concat([Buffer.from(head(path, type, `${headers}Content-Length: ${bytes.length}`), 'latin1'), bytes]);
}
