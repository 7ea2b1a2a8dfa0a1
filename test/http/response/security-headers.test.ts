import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { exchange } from '../../support/raw-http.ts';
import { startService, type TestService } from '../../support/service.ts';

let service: TestService;
beforeAll(async () => {
  service = await startService();
});
afterAll(() => service.close());

const always = {
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none';base-uri 'none';form-action 'none';frame-ancestors 'none'",
  'content-type': 'application/json',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'origin-agent-cluster': '?1',
  'referrer-policy': 'no-referrer',
  'strict-transport-security': 'max-age=63072000; includeSubDomains',
  'x-content-type-options': 'nosniff',
  'x-dns-prefetch-control': 'off',
  'x-download-options': 'noopen',
  'x-frame-options': 'DENY',
  'x-permitted-cross-domain-policies': 'none',
  'x-xss-protection': '0',
};

async function headersOf(request: string): Promise<Record<string, string>> {
  const { answers } = await exchange(service.port, request, { answers: 1 });
  const { date, 'x-request-id': id, 'content-length': length, ...rest } = answers[0]!.headers;
  expect([typeof date, typeof id, typeof length]).toEqual(['string', 'string', 'string']);
  return rest;
}
const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`;
const problem = { ...always, connection: 'close', 'content-type': 'application/problem+json' };

describe('response headers, exactly', () => {
  test('200: a success', async () => {
    expect(await headersOf(get('/api/liveness'))).toEqual({ ...always, connection: 'close' });
  });

  test('401: an error', async () => {
    expect(await headersOf(get('/api/ml'))).toEqual({
      ...problem,
      'www-authenticate': 'Bearer realm="mlapi"',
    });
  });

  test('404: an unknown path', async () => {
    expect(await headersOf(get('/none'))).toEqual(problem);
  });

  test('405: a wrong method', async () => {
    expect(await headersOf(get('/').replace('GET', 'POST'))).toEqual({
      ...problem,
      allow: 'GET, HEAD, OPTIONS',
    });
  });

  test('200: the JWKS is cacheable, and otherwise the same', async () => {
    expect(await headersOf(get('/.well-known/jwks.json'))).toEqual({
      ...always,
      connection: 'close',
      'cache-control': 'public, max-age=300',
      'content-type': 'application/jwk-set+json',
      etag: expect.stringMatching(/^"[\w-]{43}"$/),
    });
  });

  test('400: malformed HTTP', async () => {
    const { answers } = await exchange(service.port, 'garbage\r\n\r\n');

    expect(answers[0]?.headers).toEqual({
      'cache-control': 'no-store',
      connection: 'close',
      'content-length': String(answers[0]?.body.length),
      'content-type': 'application/problem+json',
      'x-content-type-options': 'nosniff',
      'x-request-id': expect.stringMatching(/^[\w-]{36}$/),
    });
  });
});
