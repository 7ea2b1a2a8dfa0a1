import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { exchange, faultsOf } from '../../support/raw-http.ts';
import { startService, type TestService } from '../../support/service.ts';
import { get, malformed } from './corpus/http.ts';

let service: TestService;
beforeAll(async () => {
  service = await startService();
});
afterAll(() => service.close());

/** Ends the connection, even if the request before it was kept alive. */
const last = 'GET /api/liveness HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n';

describe('only plain HTTP/1.1 is accepted', () => {
  for (const [name, request, status] of malformed) {
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
  ])('200: %s has no effect', async (_name, request) => {
    const { answers } = await exchange(service.port, request, { answers: 1 });

    expect(answers[0]).toMatchObject({
      status: 200,
      body: '{"status":"alive"}',
      headers: { 'content-type': 'application/json' },
    });
  });

  test('404 and 400: no response contains a foreign Host', async () => {
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
