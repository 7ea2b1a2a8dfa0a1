// Requests without a valid token, in pairs: the shortest of each kind, and the longest that is accepted.
import { randomBytes } from 'node:crypto';

export interface Pair {
  readonly name: string;
  readonly short: string;
  readonly long: string;
}

const longestTarget = 2_048;
/** Node limits all headers together; the request line and the usual headers are included. */
const maxHeaderBytes = 15_800;
const formBytes = 16_384;

const get = (target: string, headers = '') => `GET ${target} HTTP/1.1\r\nHost: a\r\n${headers}\r\n`;
const post = (path: string, type: string, body: string, headers = '') =>
  `POST ${path} HTTP/1.1\r\nHost: a\r\n${headers}Content-Type: ${type}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
const json = 'application/json';
const form = 'application/x-www-form-urlencoded';
/** Repeats a piece until the text has this length. */
const fill = (piece: string, length: number) => piece.repeat(Math.ceil(length / piece.length)).slice(0, length);
const bearer = (token: string) => `Authorization: Bearer ${token}\r\n`;

function encode(value: unknown): string {
  return Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
}

/** @param kid of a key of the service, which is public */
function tokens(kid: string): readonly [string, string][] {
  const header = { alg: 'RS256', kid, typ: 'at+jwt' };
  const signature = randomBytes(384).toString('base64url');
  const payload = (claims: object) => encode(claims).slice(0, 2_044);
  const wide = Object.fromEntries(Array.from({ length: 150 }, (_, index) => [`k${index}`, index]));
  return [
    ['letters', 'a'.repeat(4_096)],
    ['dots', '.'.repeat(4_096)],
    ['three parts of letters', `${'a'.repeat(1_024)}.${'a'.repeat(2_048)}.${'a'.repeat(1_022)}`],
    ['many claims', `${encode(header)}.${payload(wide)}.${signature}`],
    ['deep claims', `${encode(header)}.${encode(`{"a":${'['.repeat(700)}1${']'.repeat(700)}}`)}.${signature}`],
    ['longest claim', `${encode(header)}.${encode({ jti: 'a'.repeat(1_500) })}.${signature}`],
    ['longer than a header takes', 'a'.repeat(maxHeaderBytes)],
  ];
}

function paths(): Pair[] {
  const target = (text: string) => `/${text}`.slice(0, longestTarget);
  const long: [string, string][] = [
    ['letters', target('a'.repeat(longestTarget))],
    ['letters and a dot, as a token begins', `${target('a'.repeat(1_990))}.bb`],
    ['two thirds of a token', `/${'a'.repeat(1_000)}.${'b'.repeat(1_000)}`],
    ['segments', target(fill('a/', longestTarget))],
    ['dots', target(fill('a.', longestTarget))],
    ['beginnings of tokens', target(fill('eyJaa/', longestTarget))],
    ['a model', `/api/models/${'a'.repeat(1_990)}`],
    ['a model and a version', `/api/models/${'a'.repeat(990)}/versions/${'a'.repeat(990)}/predict`],
    ['a tensor route', `/v2/models/${'a'.repeat(990)}/versions/${'a'.repeat(990)}/infer`],
    ['refused: escapes', target(fill('%41', longestTarget))],
    ['refused: slashes', target('/'.repeat(longestTarget))],
    ['refused: over 2 kB', target('a'.repeat(longestTarget)) + 'a'.repeat(13_000)],
  ];
  return long.map(([name, path]) => ({
    name: `path: ${name}`,
    short: get(
      path.startsWith('/api') || path.startsWith('/v2')
        ? path.replaceAll(/a{9,}/g, 'a')
        : name.startsWith('refused')
          ? '/%'
          : '/a',
    ),
    long: get(path),
  }));
}

function queries(): Pair[] {
  const long: [string, string][] = [
    ['one parameter', fill('a', 2_000)],
    ['many parameters', fill('a&', 2_000)],
    [
      'names and values',
      Array.from({ length: 400 }, (_, index) => `${index}=`)
        .join('&')
        .slice(0, 2_000),
    ],
    ['escapes', fill('%41', 2_000)],
    ['invalid escapes', fill('%', 2_000)],
  ];
  return long.map(([name, query]) => ({
    name: `query: ${name}`,
    short: get('/api/liveness?a'),
    long: get(`/api/liveness?${query}`),
  }));
}

function headerSets(): Pair[] {
  const wide = Array.from({ length: 98 }, (_, index) => `x-${index}: ${'a'.repeat(145)}\r\n`).join('');
  const long: [string, string][] = [
    ['100 different ones, 16 kB', wide],
    ['99 empty ones', Array.from({ length: 98 }, (_, index) => `x${index}:\r\n`).join('')],
    ['one name 99 times', 'x: a\r\n'.repeat(98)],
    ['Cookie, one', `Cookie: ${'a'.repeat(maxHeaderBytes)}\r\n`],
    ['Cookie, pairs', `Cookie: ${fill('a=b; ', maxHeaderBytes)}\r\n`],
    ['Cookie, 99 times', 'Cookie: a=b\r\n'.repeat(98)],
    ['Accept', `Accept: ${fill('a/b;q=0.1,', maxHeaderBytes)}\r\n`],
    ['Accept-Encoding', `Accept-Encoding: ${fill('gzip;q=0.1,', maxHeaderBytes)}\r\n`],
    ['Accept-Language', `Accept-Language: ${fill('en;q=0.1,', maxHeaderBytes)}\r\n`],
    ['Range', `Range: bytes=${fill('0-1,', maxHeaderBytes)}0-1\r\n`],
    ['Forwarded', `Forwarded: ${fill('for=1.2.3.4,', maxHeaderBytes)}\r\n`],
    ['Host', `X: a\r\n`],
    ['Origin', `Origin: https://${'a'.repeat(maxHeaderBytes)}\r\n`],
    ['X-Request-Id', `X-Request-Id: ${'a'.repeat(maxHeaderBytes)}\r\n`],
    ['traceparent', `traceparent: 00-${fill('0', maxHeaderBytes)}\r\n`],
    ['X-Forwarded-For, trusted addresses', `X-Forwarded-For: ${fill('127.0.0.1,', maxHeaderBytes)}127.0.0.1\r\n`],
    ['X-Forwarded-For, IPv6', `X-Forwarded-For: ${fill('::1,', maxHeaderBytes)}::1\r\n`],
    ['X-Forwarded-For, commas', `X-Forwarded-For: ${fill(',', maxHeaderBytes)}\r\n`],
    ['X-Forwarded-For, no address', `X-Forwarded-For: ${fill('a', maxHeaderBytes)}\r\n`],
  ];
  const sets = long.map(([name, headers]) => ({
    name: `headers: ${name}`,
    short: get('/a'),
    long: get('/a', headers),
  }));
  const host = {
    name: 'headers: Host',
    short: get('/a'),
    long: get('/a').replace('Host: a', `Host: ${'a'.repeat(maxHeaderBytes)}`),
  };
  const etags: Pair = {
    name: 'headers: If-None-Match of the public keys',
    short: get('/.well-known/jwks.json', 'If-None-Match: "a"\r\n'),
    long: get('/.well-known/jwks.json', `If-None-Match: ${fill('"a", ', maxHeaderBytes)}"a"\r\n`),
  };
  return [...sets.filter(({ name }) => name !== 'headers: Host'), host, etags];
}

function authorizations(kid: string): Pair[] {
  const guarded = tokens(kid).map(([name, token]) => ({
    name: `token, GET /api/ml: ${name}`,
    short: get('/api/ml', bearer('a')),
    long: get('/api/ml', bearer(token)),
  }));
  const refreshed = tokens(kid).map(([name, token]) => ({
    name: `token, POST /auth/refresh: ${name}`,
    short: post('/auth/refresh', json, '{}', bearer('a')),
    long: post('/auth/refresh', json, '{}', bearer(token)),
  }));
  const revoked = tokens(kid).map(([name, token]) => ({
    name: `token, POST /auth/revoke: ${name}`,
    short: post('/auth/revoke', json, JSON.stringify({ token: 'a' })),
    long: post('/auth/revoke', json, JSON.stringify({ token })),
  }));
  const others: Pair[] = [
    {
      name: 'Authorization: blanks',
      short: get('/api/ml', bearer('a')),
      long: get('/api/ml', `Authorization: Bearer${' '.repeat(15_000)}a\r\n`),
    },
    {
      name: 'Authorization: Basic',
      short: post('/auth/reset', json, '{}', 'Authorization: Basic a\r\n'),
      long: post('/auth/reset', json, '{}', `Authorization: Basic ${'a'.repeat(15_000)}\r\n`),
    },
    {
      name: 'Authorization: another scheme',
      short: get('/api/ml', 'Authorization: a\r\n'),
      long: get('/api/ml', `Authorization: ${'a'.repeat(15_000)}\r\n`),
    },
  ];
  return [...guarded, ...refreshed, ...revoked, ...others];
}

function chunkedForm(size: number, extension = ''): string {
  const body = '{"username":"a"}'.padEnd(formBytes - 1, ' ');
  const pieces = body.match(new RegExp(`[^]{1,${size}}`, 'g')) ?? [];
  const chunks = pieces.map((piece) => `${piece.length.toString(16)}${extension}\r\n${piece}\r\n`).join('');
  return `POST /auth/reset HTTP/1.1\r\nHost: a\r\nContent-Type: ${json}\r\nTransfer-Encoding: chunked\r\n\r\n${chunks}0\r\n\r\n`;
}

function bodies(): Pair[] {
  const short = post('/auth/reset', json, '{}');
  const most = formBytes - 64;
  const keys = Array.from({ length: 1_400 }, (_, index) => `"k${index}":1`).join(',');
  const boundary = 'b'.repeat(60);
  const multipart = (body: string) => post('/auth/reset', `multipart/form-data; boundary=${boundary}`, body);
  const field = (name: string, value: string) =>
    `--${boundary}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`;
  const shortForm = multipart(`${field('a', 'b')}--${boundary}--\r\n`);
  const long: [string, string, string?][] = [
    ['JSON, one long string', post('/auth/reset', json, JSON.stringify({ username: 'a'.repeat(most) }))],
    ['JSON, escapes', post('/auth/reset', json, `{"a":"${fill('\\u0041', most)}"}`)],
    ['JSON, many names', post('/auth/reset', json, `{${keys}}`)],
    ['JSON, one name many times', post('/auth/reset', json, `{${fill('"a":1,', most)}"a":1}`)],
    ['JSON, deep', post('/auth/reset', json, fill('[', most))],
    ['JSON, lists', post('/auth/reset', json, `[${fill('[],', most)}1]`)],
    ['JSON, white space', post('/auth/reset', json, ' '.repeat(most))],
    ['JSON, backslashes', post('/auth/reset', json, `"${fill('\\', most)}`)],
    ['JSON, quotes', post('/auth/reset', json, `{${fill('"', most)}`)],
    [
      'form, many fields',
      post(
        '/auth/reset',
        form,
        Array.from({ length: 2_500 }, (_, index) => `${index}=a`)
          .join('&')
          .slice(0, most),
      ),
    ],
    ['form, ampersands', post('/auth/reset', form, fill('&', most))],
    ['form, escapes', post('/auth/reset', form, `a=${fill('%41', most)}`)],
    ['form, invalid escapes', post('/auth/reset', form, `a=${fill('%', most)}`)],
    ['form, plus signs', post('/auth/reset', form, `a=${fill('+', most)}`)],
    ['multipart, one long field', multipart(`${field('a', 'a'.repeat(most - 200))}--${boundary}--\r\n`), shortForm],
    ['multipart, many fields', multipart(`${field('a', 'b').repeat(120)}--${boundary}--\r\n`), shortForm],
    ['multipart, line feeds', multipart(`${field('a', fill('\r\n', most - 200))}--${boundary}--\r\n`), shortForm],
    [
      'multipart, nearly boundaries',
      multipart(`${field('a', fill(`\r\n--${boundary.slice(1)}`, most - 200))}--${boundary}--\r\n`),
      shortForm,
    ],
    [
      'multipart, a long part header',
      multipart(`--${boundary}\r\nX: ${'a'.repeat(most - 300)}\r\n\r\nb\r\n--${boundary}--\r\n`),
      shortForm,
    ],
    [
      'multipart, a type of many parameters',
      post(
        '/auth/reset',
        `multipart/form-data; ${fill('a=b;', 15_000)}boundary=${boundary}`,
        `${field('a', 'b')}--${boundary}--\r\n`,
      ),
      shortForm,
    ],
    ['a type of many parameters', post('/auth/reset', `${json};${fill('a=b;', 15_000)}`, '{}')],
    [
      'a length that is too long',
      `POST /auth/reset HTTP/1.1\r\nHost: a\r\nContent-Type: ${json}\r\nContent-Length: 1000000\r\n\r\n${' '.repeat(1_000_000)}`,
    ],
    ['chunks of 1,024 bytes', chunkedForm(1_024)],
    ['chunks of 16 bytes', chunkedForm(16)],
    ['chunks of one byte', chunkedForm(1)],
    ['chunks of one byte where there is nothing', chunkedForm(1).replace('/auth/reset', '/a'), get('/a')],
    ['chunks with extensions', chunkedForm(1_024, `;${'a'.repeat(900)}`)],
  ];
  return long.map(([name, request, other = short]) => ({ name: `body: ${name}`, short: other, long: request }));
}

/** Passwords are hashed whole: 10 ms in another thread, whatever their length. */
function passwords(): Pair[] {
  const reset = (password: string) => post('/auth/reset', json, JSON.stringify({ username: 'nobody', password }));
  return [{ name: 'password: 1,024 bytes', short: reset('a'), long: reset('a'.repeat(1_024)) }];
}

/** @param kid of a key of the service */
export function strangerRequests(kid: string): Pair[] {
  return [...paths(), ...queries(), ...headerSets(), ...authorizations(kid), ...bodies(), ...passwords()];
}
