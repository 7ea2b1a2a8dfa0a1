import { endpoint, type Endpoint } from '../http/endpoint.ts';
import type { Contract } from '../inference/contract/types.ts';
import type { ModelRegistry } from '../inference/model-registry.ts';
import { read, tag } from './endpoint-parts.ts';
import { checkName, trafficQuery } from './schemas.ts';
import type { ModelStore } from './serving/model-store.ts';
import { trafficSchema } from './traffic/report.ts';
import type { Traffic } from './traffic/traffic.ts';

interface TrafficEndpointsOptions {
  readonly traffic: Traffic;
  readonly store: ModelStore;
  readonly predictors: ModelRegistry;
}

/** Endpoint for the traffic of a model's versions: responses, latencies and input drift. */
export function trafficEndpoints({ traffic, store, predictors }: TrafficEndpointsOptions): Endpoint[] {
  const contractOf = (name: string, version: string): Promise<Contract | undefined> => {
    if (!predictors.has(name)) return store.contract(name, version);
    const { contract } = predictors.get(name);
    return Promise.resolve(contract.version === version ? contract : undefined);
  };
  return [
    endpoint({
      ...read,
      path: '/api/models/{name}/traffic',
      query: trafficQuery,
      docs: {
        tag,
        params: { name: 'my-model' },
        operationId: 'getTraffic',
        summary: 'Requests, latencies, disagreement and input drift per version in the last minutes',
        statuses: { 404: 'No such model' },
        answer: { schema: trafficSchema },
      },
      handle: async ({ params, query }) => {
        const name = checkName(params.name);
        const { minutes } = query;
        if (!predictors.has(name)) await store.checkModel(name);
        const sum = await traffic.read(name, minutes);
        const inputs = await sum.inputs((version) => contractOf(name, version));
        return { body: { name, minutes, versions: sum.versions(), inputs } };
      },
    }),
  ];
}
