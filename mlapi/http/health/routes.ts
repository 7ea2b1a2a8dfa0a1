import { serviceName, version } from '../../version.ts';
import { endpoint, type EndpointResponse, type Endpoint } from '../endpoint.ts';
import type { Lifecycle } from '../server/lifecycle.ts';
import type { HealthChecks } from './health-checks.ts';

const statusSchema = {
  title: 'ServiceStatus',
  type: 'object',
  required: ['status'],
  properties: { status: { type: 'string' }, service: { type: 'string' }, version: { type: 'string' } },
};

/** Public: name and version at the root paths, liveness and readiness. */
export function healthEndpoints(lifecycle: Lifecycle, checks?: HealthChecks): Endpoint[] {
  const greeting = { status: 'ok', service: serviceName, version };
  return [
    publicStatus('/', ['describeService', 'Name and version'], () => ({ body: greeting }), greeting),
    publicStatus('/auth', ['describeAuth', 'Name and version'], () => ({ body: greeting }), greeting),
    publicStatus('/api', ['describeApi', 'Name and version'], () => ({ body: greeting }), greeting),
    publicStatus(
      '/api/liveness',
      ['checkLiveness', 'Whether the process runs'],
      () => ({ body: { status: 'alive' } }),
      {
        status: 'alive',
      },
    ),
    publicStatus(
      '/api/readiness',
      ['checkReadiness', 'Whether the models and the database can serve'],
      () => readiness(lifecycle, checks),
      { status: 'ready' },
      { 503: { text: 'Not ready: starting, draining, or the database is unreachable', schema: statusSchema } },
    ),
  ];
}

/** Whether this process and its dependencies can serve. */
export async function isReady(lifecycle: Lifecycle, checks?: HealthChecks): Promise<boolean> {
  return lifecycle.isReady && (checks === undefined || (await checks.pass()));
}

async function readiness(lifecycle: Lifecycle, checks?: HealthChecks): Promise<EndpointResponse> {
  return (await isReady(lifecycle, checks))
    ? { body: { status: 'ready' } }
    : { status: 503, body: { status: 'not ready' } };
}

function publicStatus(
  path: string,
  [operationId, summary]: readonly [operationId: string, summary: string],
  handle: Endpoint['handle'],
  example: object,
  statuses: Endpoint['docs']['statuses'] = {},
): Endpoint {
  return endpoint({
    method: 'GET',
    path,
    access: 'public',
    docs: { operationId, summary, tag: 'health', statuses, answer: { schema: statusSchema, example } },
    handle,
  });
}
