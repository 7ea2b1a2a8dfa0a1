import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { mountRoutes } from '../../../application.ts';
import { createListener } from '../../../mlapi/http/server/listener.ts';
import { createHttpServer } from '../../../mlapi/http/server/server.ts';
import { contractOf, writeModelFolders } from '../../support/model-folders.ts';
import { identityModel } from '../../support/onnx-builder.ts';
import { startService, type TestService } from '../../support/service.ts';

let service: TestService;
let server: Server;
let url: string;
/** Requests served by the fast path. */
const taken: string[] = [];
beforeAll(async () => {
  const contract = contractOf('m', [{ name: 'a', type: 'number' }]);
  service = await startService({ MLAPI_MODELS_DIR: writeModelFolders({ m: { onnx: identityModel(1), contract } }) });
  const { services } = service;
  const { application, fastPath } = mountRoutes(services);
  const listener = createListener(application, services.config, services, (exchange) => {
    const isTaken = fastPath(exchange);
    if (isTaken) taken.push(`${exchange.request.method} ${exchange.path}`);
    return isTaken;
  });
  server = createHttpServer(listener, services);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(async () => {
  await new Promise((resolve) => server.close(resolve));
  await service.close();
});

async function ask(token: string, method: string, path: string, body?: unknown): Promise<Response> {
  const headers = { authorization: `Bearer ${token}`, connection: 'close', 'content-type': 'application/json' };
  const response = await fetch(`${url}${path}`, {
    method,
    headers,
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  await response.arrayBuffer();
  return response;
}

test('200: predictions are served by the fast path, and everything else by Express', async () => {
  const { access_token: token } = (await service.newClient()).tokens;
  const tensors = { inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 1], data: [1] }] };
  const hot: [path: string, body: unknown][] = [
    ['/api/ml', [[1]]],
    ['/api/models/m/predict', [[1]]],
    ['/api/models/m/versions/1/predict', [[1]]],
    ['/v2/models/m/infer', tensors],
    ['/v2/models/m/versions/1/infer', tensors],
  ];
  for (const [path, body] of hot) expect([path, (await ask(token, 'POST', path, body)).status]).toEqual([path, 200]);
  expect(taken).toEqual(hot.map(([path]) => `POST ${path}`));

  const others: [method: string, path: string, body?: unknown][] = [
    ['GET', '/api/ml'],
    ['GET', '/api/models'],
    ['GET', '/api/models/m'],
    ['GET', '/auth/session'],
    ['GET', '/v2/models/m'],
    ['GET', '/v2/models/stats'],
    ['POST', '/v2/repository/index'],
    ['POST', '/api/models/m/predict/', [[1]]],
  ];
  for (const [method, path, body] of others)
    expect([path, (await ask(token, method, path, body)).status]).toEqual([path, 200]);
  expect(taken).toHaveLength(hot.length);
});

test.each([
  ['ahead of Express', 'POST', '/api/models/m/predict', 'models:read'],
  ['by Express', 'GET', '/api/models/m', 'models:predict'],
])('403 %s: the scope is checked after the rate limit, and before query and body', async (_, method, path, scope) => {
  const { access_token: token } = (await service.newClient(undefined, [scope])).tokens;
  const { status, headers } = await ask(token, method, `${path}?unknown=1`, method === 'POST' ? 'no rows' : undefined);
  expect([status, headers.get('ratelimit')]).toEqual([403, expect.stringContaining('per-client')]);
});
