import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { doubtful, get, malformed, statusHere } from '../attacks/corpus/http.ts';
import { hasProgram, siteName } from '../../support/nginx.ts';
import { startProxied, type ProxiedService } from '../../support/proxied-service.ts';
import { exchange, faultsOf, type RawResponse } from '../../support/raw-http.ts';

// I7: the same verdicts through nginx as on the socket.
const canRun = ['nginx', 'openssl'].every((program) => hasProgram(program, 'the HTTP corpus through nginx'));
const describeWithNginx = canRun ? describe : describe.skip;

let proxied: ProxiedService;
let token: string;
beforeAll(async () => {
  if (!canRun) return;
  proxied = await startProxied();
  token = (await proxied.service.newClient()).tokens.access_token;
});
afterAll(() => (canRun ? proxied.close() : undefined));

/** The same bytes for both, except the host name. */
const named = (request: string) =>
  request.replace(/Host: a(?=[\r\n:])/g, `Host: ${siteName}`).replace('http://a/', `http://${siteName}/`);
const onSocket = (request: string, isHead = false) => exchange(proxied.socket, named(request), { isHead });
const throughNginx = (request: string, isHead = false) =>
  exchange(() => proxied.nginx.connect(), named(request), { isHead });
const statuses = (answers: readonly RawResponse[]) => answers.map(({ status }) => status);

/** nginx sends its name, without a version; only an extra module could remove it. */
const faultsThroughNginx = (answer: RawResponse) => {
  const { server, ...headers } = answer.headers;
  return [...faultsOf({ ...answer, headers }), ...(server === 'nginx' ? [] : [`server: ${server}`])];
};

/**
 * The cases in which nginx differs by nature. Either it refuses earlier with other statuses, or it parses the request as RFC 9112
 * requires and sends the service a new one with a Content-Length, which leaves nothing ambiguous.
 */
const otherwise: Readonly<Record<string, readonly number[]>> = {
  // Refused earlier.
  CONNECT: [400],
  'path: 20 kB': [414],
  'path: absolute form of another host': [421],
  'a Host with a user': [421],
  'a Host that is a list': [421],
  'HTTP/0.9': [],
  'chunked before identity': [501],
  'chunked and an empty coding': [501],
  'a coding after a vertical tab': [501],
  // Parsed and rewritten.
  'path: absolute form': [200, 200],
  'HTTP/1.2': [200, 200],
  'HTTP/1.10': [200, 200],
  'a space after the version': [200, 200],
  'lines that end in a bare line feed': [200, 200],
  'a bare line feed between headers': [200, 200],
  // The header is dropped.
  'a header without a colon': [200, 200],
  'a header name in Latin-1': [200, 200],
  'an expectation other than 100-continue': [200, 200],
  'a chunk size with a space': [400, 200],
  'chunk lines that end in a bare line feed': [400, 200],
  'a chunk extension with a line feed': [400, 200],
  'a chunk extension of 1 MB': [400, 200],
  'an authorization in the trailers': [400, 200],
  '3,000 trailers': [400, 200],
  'trailers of 20 kB': [400, 200],
};

const last = 'GET /api/liveness HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n';

describeWithNginx('the HTTP corpus through nginx', () => {
  /** Responses of the site. Requests for other names, or none, are handled by the default server, which has no log. */
  let answered = 0;
  const predict = (headers: string, body: string) =>
    `POST /api/ml HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${token}\r\n` +
    `Content-Type: application/json\r\n${headers}\r\n\r\n${body}`;
  const cases: [string, () => string, number][] = [
    ...malformed.map(([name, request, status]): [string, () => string, number] => [name, () => request + last, status]),
    ...doubtful.map(([name, headers, body, status]): [string, () => string, number] => [
      name,
      () => predict(headers, body) + last,
      statusHere(name, status),
    ]),
  ];

  test.each(cases)('%s', async (name, request, status) => {
    const direct = await onSocket(request());
    const { answers } = await throughNginx(request());

    // Only the first responses are compared; after them, either side may have closed.
    expect(direct.answers[0]?.status).toBe(status);
    const allowed = otherwise[name];
    if (allowed === undefined) {
      expect(answers[0]?.status).toBe(status);
      // Neither serves what the other treats as a part of the refused request.
      expect(answers.slice(1).every((answer) => answer.status === 200)).toBe(true);
      if (direct.answers.length === 1 && doubtful.some(([doubt]) => doubt === name)) expect(answers).toHaveLength(1);
    } else expect(statuses(answers)).toEqual(allowed);
    expect(answers.flatMap(faultsThroughNginx)).toEqual([]);
    if (name !== 'no Host') answered += answers.filter(({ status: given }) => given !== 421).length;
  });

  test('every answered request was seen by nginx', async () => {
    const requests = () => proxied.nginx.accessLog().split('\n').length - 1;
    // nginx logs a request after its response.
    for (let attempt = 0; attempt < 100 && requests() < answered; attempt += 1) await delay(20);
    // nginx also logs its handling of cases that it does not answer.
    expect(requests()).toBeGreaterThanOrEqual(answered);
    expect(answered).toBeGreaterThan(cases.length);
  });

  test.each(Object.keys(otherwise))('the exception for "%s" belongs to a case', (name) => {
    expect(cases.map(([known]) => known)).toContain(name);
  });
});

const tricks = [
  '/api/./ml',
  '/api/../api/ml',
  '/auth/../api/ml',
  '/api/liveness/../ml',
  '/api/liveness/..%2fml',
  '/api/liveness%2f..%2fml',
  '/api/liveness/%2e%2e/ml',
  '/api/liveness/.%2e/ml',
  '/.well-known/../api/ml',
  '/api/liveness;/../ml',
  '/api/..;/api/ml',
  '/api/ml;x=1',
  '/api;x/ml',
  '//api/ml',
  '/api//ml',
  '/api/ml//',
  '/api%2fml',
  '/api/%6dl',
  '/%61pi/ml',
  '/api/ml%00',
  '/api/ml%20',
  '/api/ml%2f',
  '/api/ml%3fscores=true',
  '/api/ml%23',
  '/api\\ml',
  '/API/ml',
  '/api/ML',
  '/api/ml.json',
  '/api/ml/',
  '/api/ml?',
  '/api/../admin//x',
  '/:problem',
  '/:oauth_error',
  '/auth/:problem',
];
const headers = [
  'X-Original-URL: /api/liveness',
  'X-Rewrite-URL: /api/liveness',
  'X-HTTP-Method-Override: OPTIONS',
  'X-Forwarded-Prefix: /api/liveness',
  'X-Forwarded-Host: localhost',
  'X-Accel-Redirect: /api/ml',
  'Connection: Authorization',
  'Upgrade: h2c',
];

describeWithNginx('authorisation never differs', () => {
  const inside = /"(?:predictions|features|sha256)"/;

  test.each([
    ...tricks.map((path) => [path, get(path)] as const),
    ...headers.map((header) => [header, get('/api/ml', `${header}\r\n`)] as const),
  ])('refused by both: %s', async (_name, request) => {
    const direct = await onSocket(request + last);
    const { answers } = await throughNginx(request + last);

    for (const answer of [direct.answers[0], answers[0]]) {
      expect([400, 401, 404]).toContain(answer?.status);
      expect(answer?.body).not.toMatch(inside);
    }
  });

  test('a token is passed on even if the Connection header names Authorization', async () => {
    const withToken = get('/api/ml', `Authorization: Bearer ${token}\r\nConnection: close, Authorization\r\n`);
    expect(statuses((await onSocket(withToken)).answers)).toEqual([200]);
    expect(statuses((await throughNginx(withToken)).answers)).toEqual([200]);
  });
});
