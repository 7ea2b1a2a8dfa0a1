import type { Server } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import supertest from 'supertest';
import { mountRoutes } from '../../../application.ts';
import { createListener, type FastPath } from '../../../mlapi/http/server/listener.ts';
import { createHttpServer } from '../../../mlapi/http/server/server.ts';
import type { Metrics } from '../../../mlapi/telemetry/metrics/metrics.ts';
import { createMetrics } from '../../../mlapi/telemetry/metrics/open-metrics.ts';
import { startService, type TestService } from '../../support/service.ts';

let service: TestService;
let token: string;
beforeAll(async () => {
  service = await startService({ MLAPI_RATE_LIMIT_PER_MINUTE: '1', MLAPI_AUTH_RATE_LIMIT_PER_MINUTE: '3' });
  ({ access_token: token } = (await service.newClient()).tokens);
  await service.http.get('/api/ml').set('authorization', `Bearer ${token}`).expect(200);
  // Uses up the rate limits.
  for (let status = 0; status !== 429;) ({ status } = await service.reset('nobody', 'nothing'));
});
afterAll(() => service.close());

const model = '/api/models/nsl-kdd-classifier';
const template = '/api/models/{name}';
/** Method, path, whether with a token; status, and the route label of the metric. */
const requests: [method: 'get' | 'post' | 'put', path: string, hasToken: boolean, status: number, route: string][] = [
  ['post', '/api/ml', false, 401, '/api/ml'],
  ['post', '/api/ml/', false, 401, '/api/ml'],
  ['post', `${model}/predict`, false, 401, `${template}/predict`],
  ['get', model, true, 429, template],
  ['post', `${model}/versions/1/predict/`, true, 429, `${template}/versions/{version}/predict`],
  ['put', '/api/ml', false, 401, '/api/ml'],
  ['get', '/auth/session', false, 429, '/auth/session'],
  ['post', '/auth/reset', false, 429, '/auth/reset'],
  ['put', '/api/liveness', false, 405, '/api/liveness'],
  ['get', '/api/made-up', false, 401, 'other'],
  ['get', '/api/made-up/ml', true, 429, 'other'],
  ['get', '/made-up', false, 404, 'other'],
];

describe.each([
  ['the fast path', (fastPath: FastPath) => fastPath],
  ['Express', () => undefined],
])('on %s', (_, choose) => {
  let metrics: Metrics;
  let server: Server;
  beforeAll(async () => {
    const { services } = service;
    const { application, fastPath } = mountRoutes(services);
    metrics = await createMetrics({ metricsPort: 0 });
    const observers = { logger: services.logger, metrics };
    server = createHttpServer(createListener(application, services.config, observers, choose(fastPath)), services);
  });

  test.each(requests)(
    '%s %s (with a token: %s): its %i is counted as %s',
    async (method, path, hasToken, status, route) => {
      const before = await counted();
      const asked = supertest(server)[method](path);
      await (hasToken ? asked.set('authorization', `Bearer ${token}`) : asked).expect(status);

      const label = JSON.stringify({ method: method.toUpperCase(), route, status: String(status) });
      // A request is counted once its response has been handed to the connection.
      for (;;) {
        const now = await counted();
        if (total(now) === total(before)) continue;
        expect(now.get(label)).toBe((before.get(label) ?? 0) + 1);
        return;
      }
    },
  );

  /** Requests by method, route and status. */
  async function counted(): Promise<Map<string, number>> {
    const metric = (await metrics.read()).find(({ name }) => name === 'http_requests_total');
    return new Map(
      metric?.values.map(({ labels: { method, route, status }, value }) => {
        return [JSON.stringify({ method, route, status: String(status) }), value];
      }),
    );
  }
});

function total(counts: ReadonlyMap<string, number>): number {
  return [...counts.values()].reduce((sum, count) => sum + count, 0);
}
