import { open } from 'node:fs/promises';
import { fileBody } from '../http/body/readers.ts';
import { endpoint, type EndpointResponse, type Call, type Endpoint, type PathParams } from '../http/endpoint.ts';
import { Problem } from '../http/problem.ts';
import { isUnchanged, type Conditions } from '../http/request/conditional.ts';
import { pageOf } from '../http/request/paging.ts';
import { namedModel } from '../inference/named-model.ts';
import { aliasEndpoints } from './alias-routes.ts';
import { foreign, missing, params, read, tag, write, type ModelStoreEndpointsOptions } from './endpoint-parts.ts';
import { shippedResponse, versionResponse, versionSchema, versionsSchema } from './responses.ts';
import { artifactQuery, checkName, checkVersion, versionsQuery } from './schemas.ts';
import type { ModelStore } from './serving/model-store.ts';
import { trafficEndpoints } from './traffic-routes.ts';
import { actorOf, type VersionRecord } from './types.ts';
import { uploadSchema } from './upload/upload.ts';

const versionPath = '/api/models/{name}/versions/{version}';

/** Endpoints for versions, aliases and traffic, in an order in which they can be tried one after another. */
export function modelStoreEndpoints(options: ModelStoreEndpointsOptions): Endpoint[] {
  return [
    ...versionEndpoints(options),
    ...aliasEndpoints(options),
    ...trafficEndpoints(options),
    retireEndpoint(options),
  ];
}

function versionEndpoints({ store, service, predictors, config }: ModelStoreEndpointsOptions): Endpoint[] {
  const move = (action: 'load' | 'unload', summary: string) =>
    endpoint({
      ...write,
      method: 'POST',
      path: `${versionPath}/${action}`,
      docs: {
        tag,
        params,
        operationId: `${action}Version`,
        summary,
        statuses: { ...missing, ...foreign, 204: 'Success' },
      },
      handle: async (call) => {
        const name = checkName(call.params.name);
        await service.checkOwner(name, actorOf(call));
        await store[action](name, call.params.version);
        return { status: 204 };
      },
    });
  return [
    endpoint({
      ...write,
      method: 'PUT',
      path: versionPath,
      body: { reader: fileBody(config.modelLimitBytes) },
      docs: {
        tag,
        params,
        operationId: 'uploadVersion',
        summary:
          'Upload a version: an ONNX file, or a form with the files model, contract, encoding, sample, and data for each file of external data',
        statuses: {
          ...foreign,
          201: { text: 'The version is ready', schema: versionSchema },
          409: 'The version exists or existed already',
          422: 'The model was rejected; see detail',
          507: 'Not enough storage',
        },
        body: {
          examples: {},
          file: 'model.onnx',
          schema: { type: 'string', format: 'binary', description: 'the ONNX file' },
          others: { 'multipart/form-data': uploadSchema },
        },
      },
      handle: async (call) => {
        const named = versionOf(call);
        const made = await service.upload(named, call.body, actorOf(call));
        const location = `/api/models/${named.model}/versions/${named.version}`;
        return { status: 201, headers: { location }, body: versionResponse(made) };
      },
    }),
    endpoint({
      ...read,
      path: '/api/models/{name}/versions',
      query: versionsQuery,
      docs: {
        tag,
        params,
        operationId: 'listVersions',
        summary: 'List the versions of a model by name',
        statuses: missing,
        answer: { schema: versionsSchema },
      },
      handle: async (call) => {
        const name = checkName(call.params.name);
        if (predictors.has(name)) return { body: { versions: [shippedResponse(predictors.get(name))], next: null } };
        const { limit, after } = call.query;
        const found = await store.versions(name, { after, limit: limit + 1 });
        const { items, next } = pageOf(found, limit, ({ version }) => version);
        return { body: { versions: items.map(versionResponse), next } };
      },
    }),
    endpoint({
      ...read,
      path: versionPath,
      docs: {
        tag,
        params,
        operationId: 'getVersion',
        summary: 'Describe a version, or the one that an alias (@stable) points to',
        statuses: missing,
        answer: { schema: versionSchema },
      },
      handle: async (call) => {
        const name = checkName(call.params.name);
        const { version } = call.params;
        if (predictors.has(name)) {
          const predictor = predictors.get(name, version);
          return { body: { ...predictor.information(), ...shippedResponse(predictor) } };
        }
        const record = await store.resolve(name, version);
        return { body: { ...(await store.information(name, record.version)), ...versionResponse(record) } };
      },
    }),
    endpoint({
      method: 'GET',
      path: `${versionPath}/artifact`,
      access: 'models:download',
      resource: namedModel,
      query: artifactQuery,
      docs: {
        tag,
        params,
        operationId: 'downloadVersion',
        summary: 'Download the ONNX file of a version, or with ?file= a file of its external data',
        statuses: { ...missing, 304: 'Unchanged' },
        answer: { schema: { type: 'string', format: 'binary' }, mediaType: 'application/octet-stream' },
      },
      handle: async (call) => {
        const record = await store.resolve(checkName(call.params.name), call.params.version);
        const { file } = call.query;
        return download(store, record, file, call.headers);
      },
    }),
    move('load', 'Load a version before it is used'),
    move('unload', 'Free the memory of a version until it is used again'),
  ];
}

function retireEndpoint({ service }: ModelStoreEndpointsOptions): Endpoint {
  return endpoint({
    ...write,
    method: 'DELETE',
    path: versionPath,
    docs: {
      tag,
      params,
      operationId: 'retireVersion',
      summary: 'Retire a version for good; its name cannot be reused',
      statuses: { ...missing, ...foreign, 204: 'Success', 409: 'An alias points to the version' },
    },
    handle: async (call) => {
      await service.retire(versionOf(call), actorOf(call));
      return { status: 204 };
    },
  });
}

function versionOf({ params }: Call<PathParams<typeof versionPath>>): { model: string; version: string } {
  return { model: checkName(params.name), version: checkVersion(params.version) };
}

async function download(
  store: ModelStore,
  record: VersionRecord,
  name: string,
  conditions: Conditions,
): Promise<EndpointResponse> {
  const { model, version } = record;
  const found = await store.artifactOf(record, name);
  if (found === undefined)
    throw new Problem(
      404,
      'no_artifact',
      record.sizeBytes === 0
        ? 'This version has no file: it runs on another server.'
        : 'This version has no file of this name. GET the version to list its files.',
    );
  const etag = `"${found.sha256}"`;
  if (isUnchanged(conditions, etag)) return { status: 304, headers: { etag } };
  const file = await open(found.path).catch((cause: unknown) => {
    throw new Problem(
      503,
      'model_unavailable',
      'The file of this version cannot be read at the moment; try again later.',
      { cause },
    );
  });
  // External data keeps its name, because the ONNX file refers to it.
  const savedAs = name === 'model.onnx' ? `${model}-${version}.onnx` : name;
  return {
    headers: {
      'content-type': 'application/octet-stream',
      'content-length': String(found.sizeBytes),
      'content-disposition': `attachment; filename="${savedAs}"`,
      etag,
    },
    stream: file.createReadStream(),
  };
}
