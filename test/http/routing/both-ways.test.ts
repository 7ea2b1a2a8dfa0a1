import { readFileSync } from 'node:fs';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { mountRoutes } from '../../../application.ts';
import type { Exchange } from '../../../mlapi/http/exchange.ts';
import { createListener } from '../../../mlapi/http/server/listener.ts';
import { createHttpServer } from '../../../mlapi/http/server/server.ts';
import { exchange, type RawResponse } from '../../support/raw-http.ts';
import { startService, type TestService } from '../../support/service.ts';

// Predictions are served ahead of Express, or by it: clients cannot tell the two apart.
let service: TestService;
const servers: Server[] = [];
const ports = { short: 0, long: 0 };
let taken = 0;
let authorizations: Record<string, string>;
beforeAll(async () => {
  service = await startService({ MLAPI_CORS_ORIGINS: 'https://app.example.com', MLAPI_BODY_LIMIT_BYTES: '4096' });
  const { services } = service;
  const { application, fastPath } = mountRoutes(services);
  const counted = (request: Exchange) => {
    const isTaken = fastPath(request);
    if (isTaken) taken += 1;
    return isTaken;
  };
  ports.short = await listen(
    createHttpServer(createListener(application, services.config, services, counted), services),
  );
  ports.long = await listen(createHttpServer(createListener(application, services.config, services), services));
  const [good, reader, revoked] = [
    await service.newClient(),
    await service.newClient('reader', ['models:read']),
    await service.newClient(),
  ];
  await service.http.post('/auth/revoke').send({ token: revoked.tokens.refresh_token }).expect(200);
  authorizations = {
    none: '',
    good: `Bearer ${good.tokens.access_token}`,
    'good, in lower case': `bearer ${good.tokens.access_token}`,
    'another scope': `Bearer ${reader.tokens.access_token}`,
    revoked: `Bearer ${revoked.tokens.access_token}`,
    'a refresh token': `Bearer ${good.tokens.refresh_token}`,
    cut: `Bearer ${good.tokens.access_token.slice(0, -1)}`,
    'no token': 'Bearer',
    basic: 'Basic YTpi',
  };
});
afterAll(async () => {
  for (const server of servers) await new Promise((resolve) => server.close(resolve));
  await service.close();
});

async function listen(server: Server): Promise<number> {
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

const methods = ['POST', 'POST', 'POST', 'GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE', 'PATCH'];
const model = '/api/models/nsl-kdd-classifier';
const paths = [
  ...['/api/ml', '/api/models', model, `${model}/predict`, `${model}/versions/1/predict`],
  ...['/api/ml/', '/api/ML', '/api/ml/x', '/api', '/api/', '/api/nothing', '/auth/session', '/api//ml', '/api/%6dl'],
  ...[`${model}/versions/2/predict`, '/api/models/nothing', '/api/models/nothing/predict', `${model}/predict/`],
  ...['/v2', '/v2/', '/v2/nothing', '/v2/models/stats', `/v2${model.slice(4)}/infer`, `/v2${model.slice(4)}/infer/`],
  ...['/v2/repository/index', '/v2/repository/models/nsl-kdd-classifier/load', `/v2${model.slice(4)}/versions/2/infer`],
  ...[`${model}.x/predict`, '/api/models//predict', '/api/models/./predict', '/api/models/__proto__/predict'],
];
const queries = [
  '',
  '',
  '',
  '?',
  '?scores=true',
  '?scores=maybe',
  '?scores=true&scores=true',
  '?limit=1',
  '?limit=0',
  '?a=1',
  '#a',
];
const headers = [
  '',
  'Content-Type: application/json',
  'Content-Type: application/json; charset=utf-8',
  'Content-Type: application/json; charset=latin1',
  'Content-Type: text/plain',
  'Content-Type: application/json\r\nContent-Encoding: gzip',
  'Content-Type: application/json\r\nExpect: 200-ok',
  'Content-Type: application/json\r\nOrigin: https://app.example.com',
  'Content-Type: application/json\r\nOrigin: https://app.example.com\r\nAccess-Control-Request-Method: POST',
  'Content-Type: application/json\r\nContent-Type: application/json',
  'Content-Type: application/json\r\nAccept: text/csv',
  'Content-Type: application/octet-stream\r\nInference-Header-Content-Length: 2',
  'Content-Encoding: gzip',
  'Accept-Encoding: gzip',
  'Content-Type: text/csv; header=present',
  'Content-Type: text/csv\r\nAccept: text/csv',
];
const row = [0, 'tcp', 'http', 'SF', ...Array.from({ length: 37 }, () => 0)];
const columns = Object.keys(JSON.parse(readFileSync(`resources${model.slice(4)}/sample.json`, 'utf8')) as object);
const csvOf = (...rows: readonly (readonly (string | number)[])[]) =>
  [columns, ...rows].map((cells) => `${cells.join(',')}\r\n`).join('');
const tensor = { name: 'features', shape: [1, 41], datatype: 'FP32', data: Array.from({ length: 41 }, () => 0) };
const bodies = [
  ...[row, [row], [row, row], { instances: [row] }, [[...row, 1]], [], {}, null, 1].map((value) =>
    JSON.stringify(value),
  ),
  ...[[row, row], [['x', ...row.slice(1)]], [row.slice(1)], [], Array.from({ length: 60 }, () => row)].map((rows) =>
    csvOf(...rows),
  ),
  ...[{ inputs: [tensor] }, { inputs: [tensor], parameters: { binary_data_output: true } }].map((value) =>
    JSON.stringify(value),
  ),
  ...['', '[', '{"a":1,"a":2}', '['.repeat(40), 'é', '"\\ud800"', `[${'0,'.repeat(3_000)}0]`],
];

/** The parts of a response that must be equal. The rate limit's count is left out, since each request adds to it. */
function comparable({ status, headers: found, body }: RawResponse): object {
  const { date: _date, ratelimit, ...rest } = found;
  return { status, headers: { ...rest, ratelimit: ratelimit?.replace(/r=\d+; t=\d+/, '') }, body };
}

async function ask(port: number, request: string, isHead: boolean): Promise<object> {
  const { answers, isClosed } = await exchange(port, request, { answers: 1, isHead });
  return { isClosed, answers: answers.map(comparable) };
}

describe('the fast path and Express', () => {
  test('give equal responses to every request', async () => {
    const pick = <T>(values: readonly T[]) => fc.constantFrom(...values);
    const request = fc.record({
      method: pick(methods),
      path: pick(paths),
      query: pick(queries),
      name: pick(Object.keys(authorizations)),
      header: pick(headers),
      body: pick(bodies),
    });
    await fc.assert(
      fc.asyncProperty(request, async ({ method, path, query, name, header, body }) => {
        const lines = [
          `${method} ${path}${query} HTTP/1.1`,
          'Host: a',
          'X-Request-Id: the-same-for-both',
          ...(name === 'none' ? [] : [`Authorization: ${authorizations[name]}`]),
          ...(header === '' ? [] : [header]),
          `Content-Length: ${Buffer.byteLength(body, 'latin1')}`,
        ];
        const text = `${lines.join('\r\n')}\r\n\r\n${body}`;
        expect(await ask(ports.short, text, method === 'HEAD')).toEqual(await ask(ports.long, text, method === 'HEAD'));
      }),
      { numRuns: 1_500 },
    );
    expect(taken).toBeGreaterThan(50);
  });
});
