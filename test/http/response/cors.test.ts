import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Response } from 'supertest';
import { startService, type TestService } from '../../support/service.ts';

const origin = 'https://app.example.com';
let open: TestService;
let closed: TestService;
beforeAll(async () => {
  open = await startService({ MLAPI_CORS_ORIGINS: `${origin}, http://localhost:5173` });
  closed = await startService();
});
afterAll(async () => {
  await open.close();
  await closed.close();
});

const corsHeaders = ({ headers }: Response) =>
  Object.keys(headers as object).filter((name) => name.startsWith('access-control-'));

const preflight = (service: TestService, from: string) =>
  service.http
    .options('/api/ml')
    .set('Origin', from)
    .set('Access-Control-Request-Method', 'POST')
    .set('Access-Control-Request-Headers', 'authorization,content-type');

describe('CORS', () => {
  test('204: the preflight of an allowed origin needs no token and allows no cookies', async () => {
    const response = await preflight(open, origin).expect(204);

    expect(response.headers).toMatchObject({
      'access-control-allow-origin': origin,
      'access-control-allow-methods': 'GET, HEAD, POST',
      'access-control-allow-headers': 'Authorization, Content-Type, X-Request-Id',
      'access-control-max-age': '600',
      vary: 'Origin',
    });
    expect(response.headers).not.toHaveProperty('access-control-allow-credentials');
    expect(response.text).toBe('');
  });

  test.each([
    ['null', 'null'],
    ['an asterisk', '*'],
    ['a longer name', 'https://evil-app.example.com'],
    ['a subdomain', 'https://a.app.example.com'],
    ['the domain above', 'https://example.com'],
    ['a suffix', 'https://app.example.com.evil.org'],
    ['another scheme', 'http://app.example.com'],
    ['another port', 'https://app.example.com:8443'],
    ['a path', 'https://app.example.com/'],
    ['another case', 'https://APP.example.com'],
    ['two origins', `${origin}, ${origin}`],
    ['a user', 'https://app.example.com@evil.org'],
  ])('401: the preflight of %s gets no permission', async (_name, from) => {
    const response = await preflight(open, from).expect(401);

    expect(corsHeaders(response)).toEqual([]);
    expect(response.headers.vary).toBe('Origin');
  });

  test('200 and 401: an allowed origin can read responses, errors included', async () => {
    const answer = await open.http.get('/api/liveness').set('Origin', 'http://localhost:5173').expect(200);
    const refusal = await open.http.get('/api/ml').set('Origin', origin).expect(401);

    expect(answer.headers['access-control-allow-origin']).toBe('http://localhost:5173');
    expect(refusal.headers['access-control-allow-origin']).toBe(origin);
    expect(refusal.headers['access-control-expose-headers']).toContain('WWW-Authenticate');
  });

  test('200: another origin gets a response without CORS headers', async () => {
    const response = await open.http.get('/api/liveness').set('Origin', 'https://evil.org').expect(200);

    expect(corsHeaders(response)).toEqual([]);
  });

  test('204: OPTIONS without Access-Control-Request-Method is no preflight', async () => {
    const response = await open.http.options('/api/liveness').set('Origin', origin).expect(204);

    expect(response.headers.allow).toBe('GET, HEAD, OPTIONS');
    expect(response.headers).not.toHaveProperty('access-control-allow-methods');
  });

  test('401: without configured origins there are no CORS headers', async () => {
    const response = await preflight(closed, origin).expect(401);

    expect(corsHeaders(response)).toEqual([]);
    expect(response.headers).not.toHaveProperty('vary');
  });
});
