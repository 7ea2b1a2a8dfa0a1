import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { exchange, faultsOf } from '../support/raw-http.ts';
import { startService, type TestService } from '../support/service.ts';

let service: TestService;
beforeAll(async () => {
  service = await startService();
});
afterAll(() => service.close());

const get = (target: string, headers = '') => `GET ${target} HTTP/1.1\r\nHost: a\r\n${headers}\r\n`;
/** Ends the connection, whether the request before it was kept alive or not. */
const last = 'GET /api/liveness HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n';

const methods: [string, string, number][] = [
  ['TRACE', 'TRACE /api/liveness HTTP/1.1\r\nHost: a\r\n\r\n', 405],
  ['CONNECT', 'CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n', 405],
  ['PROPFIND', 'PROPFIND /api/liveness HTTP/1.1\r\nHost: a\r\n\r\n', 405],
  ['a method in lower case', 'get /api/liveness HTTP/1.1\r\nHost: a\r\n\r\n', 400],
  ['an unknown method', 'FETCH /api/liveness HTTP/1.1\r\nHost: a\r\n\r\n', 400],
];

const paths: [string, string, number][] = [
  ['a path parameter', '/api/..;/auth/session', 400],
  ['a dot segment', '/api/../auth/session', 400],
  ['an empty segment', '//api/liveness', 400],
  ['another case', '/API/liveness', 404],
  ['an escaped slash', '/api%2fliveness', 400],
  ['escaped dots', '/api/%2e%2e/auth/session', 400],
  ['escaped twice', '/api/%252e%252e/auth/session', 400],
  ['an escaped NUL', '/api/liveness%00', 400],
  ['half a UTF-8 escape', '/%E0%A4%A', 400],
  ['a backslash', '/api\\liveness', 400],
  ['a trailing dot', '/api/liveness.', 401],
  ['two trailing slashes', '/api/liveness//', 400],
  ['8 kB', `/${'a'.repeat(8_192)}`, 414],
  ['20 kB', `/${'a'.repeat(20_000)}`, 431],
  ['absolute form', 'http://a/api/liveness', 400],
  ['absolute form of another host', 'https://evil.example/api/liveness', 400],
  ['an asterisk', '*', 400],
  ['a fragment', '/api/liveness#x', 400],
  ['no slash', 'api/liveness', 400],
  ['a NUL byte', '/api\0', 400],
  ['raw UTF-8', '/\xc3\xa9', 400],
];

const heads: [string, string, number][] = [
  ['no Host', 'GET /api/liveness HTTP/1.1\r\n\r\n', 400],
  ['two Hosts', 'GET /api/liveness HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n', 400],
  ['an empty Host', 'GET /api/liveness HTTP/1.1\r\nHost:\r\n\r\n', 400],
  ['a Host with a user', 'GET /api/liveness HTTP/1.1\r\nHost: user@a\r\n\r\n', 400],
  ['a Host with a path', 'GET /api/liveness HTTP/1.1\r\nHost: a/../b\r\n\r\n', 400],
  ['HTTP/0.9', 'GET /api/liveness\r\n\r\n', 400],
  ['HTTP/1.2', 'GET /api/liveness HTTP/1.2\r\nHost: a\r\n\r\n', 400],
  ['HTTP/3.0', 'GET /api/liveness HTTP/3.0\r\nHost: a\r\n\r\n', 400],
  ['the preface of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 400],
  ['lines that end in a bare line feed', 'GET /api/liveness HTTP/1.1\nHost: a\n\n', 400],
  ['lines that end in a bare carriage return', 'GET /api/liveness HTTP/1.1\rHost: a\r\r', 400],
  ['a NUL in a header', get('/api/liveness', 'X: a\0b\r\n'), 400],
  ['a folded header', get('/api/liveness', 'X: a\r\n b\r\n'), 400],
  ['a space before a colon', get('/api/liveness', 'X : a\r\n'), 400],
  ['a header of 16 KiB', get('/api/liveness', `X: ${'a'.repeat(16_384)}\r\n`), 431],
  ['2,000 headers', get('/api/liveness', 'a:b\r\n'.repeat(2_000)), 431],
  ['101 headers', get('/api/liveness', 'a:b\r\n'.repeat(100)), 431],
  ['two Authorizations', get('/api/liveness', 'Authorization: Bearer a\r\n'.repeat(2)), 400],
  ['two Content-Types', get('/api/liveness', 'Content-Type: a/b\r\n'.repeat(2)), 400],
  ['an expectation other than 100-continue', get('/api/liveness', 'Expect: miracles\r\n'), 417],
  ['a TLS handshake', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', 400],
];

describe('what is not plain HTTP/1.1 is refused', () => {
  const cases = [
    ...methods,
    ...paths.map(([name, path, status]) => [`path: ${name}`, get(path), status] as const),
    ...heads,
  ];
  for (const [name, request, status] of cases) {
    test(`${status}: ${name}`, async () => {
      const { answers, rest } = await exchange(service.port, request + last);

      expect(answers[0]?.status).toBe(status);
      expect(answers.slice(1).every((answer) => answer.status === 200)).toBe(true);
      expect(rest).toBe('');
      expect(answers.flatMap(faultsOf)).toEqual([]);
      if (status === 405) expect(answers[0]?.headers.allow).toMatch(/^GET, HEAD/);
      await service.http.get('/api/liveness').expect(200);
    });
  }

  test.each([
    ['100 headers', get('/api/liveness', 'a:b\r\n'.repeat(99))],
    ['HTTP/1.0 without Host', 'GET /api/liveness HTTP/1.0\r\n\r\n'],
    ['a Host with a port', 'GET /api/liveness HTTP/1.1\r\nHost: mlapi_1.example:8443\r\n\r\n'],
    ['a Host in IPv6', 'GET /api/liveness HTTP/1.1\r\nHost: [::1]:8080\r\n\r\n'],
    ['an offer of h2c', get('/api/liveness', 'Connection: Upgrade\r\nUpgrade: h2c\r\n')],
    ['an offer of a WebSocket', get('/api/liveness', 'Connection: Upgrade\r\nUpgrade: websocket\r\n')],
    ['another method in a header', get('/api/liveness', 'X-HTTP-Method-Override: DELETE\r\n')],
    ['a wish for HTML', get('/api/liveness', 'Accept: text/html\r\n')],
    ['1,000 ranges', get('/api/liveness', `Range: bytes=${'0-1,'.repeat(999)}0-1\r\n`)],
    ['an Accept-Encoding of 8 kB', get('/api/liveness', `Accept-Encoding: ${'gzip,'.repeat(1_600)}br\r\n`)],
  ])('200: %s changes nothing', async (_name, request) => {
    const { answers } = await exchange(service.port, request, { answers: 1 });

    expect(answers[0]).toMatchObject({
      status: 200,
      body: '{"status":"alive"}',
      headers: { 'content-type': 'application/json' },
    });
  });

  test('404 and 400: a foreign Host appears in no answer', async () => {
    for (const path of ['/.well-known/oauth-authorization-server', '/nothing', '/%']) {
      const { answers } = await exchange(service.port, `GET ${path} HTTP/1.1\r\nHost: evil.example\r\n\r\n`, {
        answers: 1,
      });

      expect(JSON.stringify(answers)).not.toContain('evil.example');
    }
  });

  test('errors never echo the request as HTML', async () => {
    const { answers } = await exchange(service.port, get('/<script>alert(1)</script>', 'X: <script>\r\n'), {
      answers: 1,
    });

    expect(answers[0]).toMatchObject({
      status: 400,
      headers: { 'content-type': 'application/problem+json' },
    });
    expect(answers.flatMap(faultsOf)).toEqual([]);
  });
});
