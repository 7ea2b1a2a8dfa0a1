import { jsonBody } from '../http/body/readers.ts';
import { endpoint, type Call, type Endpoint, type PathParams } from '../http/endpoint.ts';
import { isUnchanged } from '../http/request/conditional.ts';
import { foreign, missing, params, read, tag, write, type ModelStoreEndpointsOptions } from './endpoint-parts.ts';
import { aliasResponse, aliasResponseSchema, aliasesSchema, taggedAlias } from './responses.ts';
import { aliasSchema, checkAlias, checkName } from './schemas.ts';
import { actorOf } from './types.ts';

const aliasBodyBytes = 4_096;
const aliasPath = '/api/models/{name}/aliases/{alias}';
const moved = { 412: 'The alias has changed meanwhile (If-Match)' };
const conditions = {
  'If-Match': { description: 'The ETag that the alias must have', schema: { type: 'string' } },
  'If-None-Match': { description: '`*`: only if the alias does not exist', schema: { type: 'string' } },
};

/** Endpoints for aliases: movable names for versions. */
export function aliasEndpoints({ store, service, predictors }: ModelStoreEndpointsOptions): Endpoint[] {
  const answer = { schema: aliasResponseSchema };
  return [
    endpoint({
      ...write,
      method: 'PUT',
      path: aliasPath,
      body: { reader: jsonBody(aliasBodyBytes), schema: aliasSchema },
      docs: {
        tag,
        params,
        operationId: 'setAlias',
        summary:
          'Point an alias to a version; optionally a share of clients to a canary, and a copy of a share of requests to a shadow',
        headers: conditions,
        statuses: { ...missing, ...foreign, ...moved },
        answer,
        body: {
          examples: {
            version: { version: '1' },
            canary: { version: '1', canary: { version: '2', share: 0.1 }, shadow: { version: '3', share: 0.5 } },
          },
        },
      },
      handle: async (call) => {
        const target = { ...aliasOf(call), ...call.body };
        return taggedAlias(await service.setAlias(target, call.headers, actorOf(call)));
      },
    }),
    endpoint({
      ...read,
      path: '/api/models/{name}/aliases',
      docs: {
        tag,
        params,
        operationId: 'listAliases',
        summary: 'List the aliases of a model',
        statuses: missing,
        answer: { schema: aliasesSchema },
      },
      handle: async (call) => {
        const name = checkName(call.params.name);
        return { body: { aliases: predictors.has(name) ? [] : (await store.aliases(name)).map(aliasResponse) } };
      },
    }),
    endpoint({
      ...read,
      path: aliasPath,
      docs: {
        tag,
        params,
        operationId: 'getAlias',
        summary: 'Get an alias',
        statuses: { 304: 'Unchanged', 404: 'No such model or alias' },
        answer,
      },
      handle: async (call) => {
        const answer = taggedAlias(await store.alias(aliasOf(call)));
        const { etag } = answer.headers;
        return isUnchanged(call.headers, etag) ? { status: 304, headers: { etag } } : answer;
      },
    }),
    endpoint({
      ...write,
      method: 'DELETE',
      path: aliasPath,
      docs: {
        tag,
        params,
        operationId: 'removeAlias',
        summary: 'Remove an alias',
        headers: conditions,
        statuses: { ...foreign, ...moved, 204: 'Done', 404: 'No such model or alias' },
      },
      handle: async (call) => {
        await service.removeAlias(aliasOf(call), call.headers, actorOf(call));
        return { status: 204 };
      },
    }),
  ];
}

function aliasOf({ params }: Call<PathParams<typeof aliasPath>>): { model: string; alias: string } {
  return { model: checkName(params.name), alias: checkAlias(params.alias) };
}
