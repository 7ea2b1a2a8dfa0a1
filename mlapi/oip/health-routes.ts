import { endpoint, type Endpoint, type EndpointResponse } from '../http/endpoint.ts';
import type { HealthChecks } from '../http/health/health-checks.ts';
import { isReady } from '../http/health/routes.ts';
import type { Lifecycle } from '../http/server/lifecycle.ts';
import { serviceName, version } from '../version.ts';
import { oipSchemas } from './schemas.ts';

/** Tag of its endpoints in the documents. */
export const tag = 'open inference protocol';
const extensions = ['binary_tensor_data', 'classification', 'model_repository', 'statistics'];

/** Public: server metadata, liveness and readiness. */
export function oipHealthEndpoints(lifecycle: Lifecycle, checks?: HealthChecks): Endpoint[] {
  const health = { access: 'public', method: 'GET' } as const;
  const server = { name: serviceName, version, extensions };
  return [
    endpoint({
      ...health,
      path: '/v2',
      docs: {
        tag,
        operationId: 'getServer',
        summary: 'Describe the server',
        statuses: {},
        answer: { schema: oipSchemas.server, example: server },
      },
      handle: () => ({ body: server }),
    }),
    endpoint({
      ...health,
      path: '/v2/health/live',
      docs: {
        tag,
        operationId: 'checkLive',
        summary: 'Whether the process runs',
        statuses: {},
        answer: { schema: oipSchemas.live },
      },
      handle: () => ({ body: { live: true } }),
    }),
    endpoint({
      ...health,
      path: '/v2/health/ready',
      docs: {
        tag,
        operationId: 'checkReady',
        summary: 'Whether the models and the database can serve',
        statuses: { 503: { text: 'Not ready', schema: oipSchemas.ready } },
        answer: { schema: oipSchemas.ready },
      },
      handle: async () => readiness(await isReady(lifecycle, checks), { ready: true }),
    }),
  ];
}

export function readiness(isReadyNow: boolean, body: { name?: string; ready: true }): EndpointResponse {
  return isReadyNow ? { body } : { status: 503, body: { ...body, ready: false } };
}
