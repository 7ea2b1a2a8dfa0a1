import { open } from 'node:fs/promises';
import type { Config } from '../config/config.ts';
import { fileBody, jsonBody } from '../http/body.ts';
import type { Answer, Call, Endpoint } from '../http/endpoint.ts';
import { Problem } from '../http/problem.ts';
import type { StreamedBody } from '../http/streamed-body.ts';
import type { Predictors } from '../inference/predictors.ts';
import {
  aliasAnswer,
  aliasAnswerSchema,
  aliasesSchema,
  shippedAnswer,
  taggedAlias,
  versionAnswer,
  versionSchema,
  versionsSchema,
} from './answers.ts';
import type { ModelStore } from './model-store.ts';
import type { ModelService } from './model-service.ts';
import { aliasSchema, checkAlias, checkName, checkVersion, versionsQuery, type VersionsQuery } from './schemas.ts';
import { trafficEndpoints } from './traffic/routes.ts';
import type { Traffic } from './traffic/traffic.ts';
import { actorOf, type AliasTarget, type VersionRecord } from './types.ts';

const aliasBodyBytes = 4_096;
const tag = 'model store';
const params = { name: 'my-model', version: '1', alias: 'stable' };
const read = { access: 'models:read', method: 'GET' } as const;
const write = { access: 'models:write' } as const;
const versionPath = '/api/models/{name}/versions/{version}';
const aliasPath = '/api/models/{name}/aliases/{alias}';
const missing = { 404: 'No such model or version' };
const foreign = { 403: 'The token lacks the scope, or the model belongs to another client' };
const moved = { 412: 'It was moved meanwhile (If-Match)' };

interface ModelStoreEndpointsOptions {
  readonly store: ModelStore;
  readonly service: ModelService;
  readonly traffic: Traffic;
  /** Those that the service ships with: they have one version each, and no aliases. */
  readonly predictors: Predictors;
  readonly config: Pick<Config, 'modelLimitBytes'>;
}

/** Versions and aliases of models, in an order in which they can be tried one after the other. */
export function modelStoreEndpoints(options: ModelStoreEndpointsOptions): Endpoint[] {
  return [
    ...versionEndpoints(options),
    ...aliasEndpoints(options),
    ...trafficEndpoints(options),
    retireEndpoint(options),
  ];
}

function versionEndpoints({ store, service, predictors, config }: ModelStoreEndpointsOptions): Endpoint[] {
  const move = (action: 'load' | 'unload', summary: string): Endpoint => {
    return {
      ...write,
      method: 'POST',
      path: `${versionPath}/${action}`,
      docs: { tag, params, summary, statuses: { ...missing, ...foreign, 204: 'Done' } },
      handle: async (call) => {
        const name = checkName(call.params.name);
        await service.checkOwner(name, actorOf(call));
        await store[action](name, call.params.version);
        return { status: 204 };
      },
    };
  };
  return [
    {
      ...write,
      method: 'PUT',
      path: versionPath,
      body: { reader: fileBody(config.modelLimitBytes) },
      docs: {
        tag,
        params,
        summary:
          'Adds a version: an ONNX file; or a form with the files model (unless it is remote), contract, encoding, sample',
        statuses: {
          ...foreign,
          201: { text: 'The version serves', schema: versionSchema },
          409: 'There is, or was, a version of this name',
          422: 'The model was refused; the detail says why',
          507: 'No room',
        },
        body: { examples: {}, file: 'model.onnx', schema: { type: 'string', format: 'binary' } },
      },
      handle: async (call) => {
        const named = versionOf(call);
        const made = await service.upload(named, call.body as StreamedBody, actorOf(call));
        const location = `/api/models/${named.model}/versions/${named.version}`;
        return { status: 201, headers: { location }, body: versionAnswer(made) };
      },
    },
    {
      ...read,
      path: '/api/models/{name}/versions',
      query: versionsQuery,
      docs: {
        tag,
        params,
        summary: 'The versions of a model, by name',
        statuses: missing,
        answer: { schema: versionsSchema },
      },
      handle: async (call) => {
        const name = checkName(call.params.name);
        if (predictors.has(name)) return { body: { versions: [shippedAnswer(predictors.get(name))], next: null } };
        const { limit, after } = call.query as unknown as VersionsQuery;
        const found = await store.versions(name, { after, limit: limit + 1 });
        const versions = found.slice(0, limit);
        const next = found.length > limit ? versions.at(-1)?.version : null;
        return { body: { versions: versions.map(versionAnswer), next } };
      },
    },
    {
      ...read,
      path: versionPath,
      docs: {
        tag,
        params,
        summary: 'One version, or the one that an alias (@stable) points to',
        statuses: missing,
        answer: { schema: versionSchema },
      },
      handle: async (call) => {
        const name = checkName(call.params.name);
        const { version } = call.params;
        if (predictors.has(name)) {
          const predictor = predictors.get(name, version);
          return { body: { ...predictor.information(), ...shippedAnswer(predictor) } };
        }
        const record = await store.resolve(name, version);
        return { body: { ...(await store.information(name, record.version)), ...versionAnswer(record) } };
      },
    },
    {
      method: 'GET',
      path: `${versionPath}/artifact`,
      access: 'models:download',
      docs: {
        tag,
        params,
        summary: 'The ONNX file of a version',
        statuses: missing,
        answer: { schema: { type: 'string', format: 'binary' }, mediaType: 'application/octet-stream' },
      },
      handle: async (call) => download(store, await store.resolve(checkName(call.params.name), call.params.version)),
    },
    move('load', 'Loads a version before it is used'),
    move('unload', 'Lets the memory of a version go until it is used again'),
  ];
}

function retireEndpoint({ service }: ModelStoreEndpointsOptions): Endpoint {
  return {
    ...write,
    method: 'DELETE',
    path: versionPath,
    docs: {
      tag,
      params,
      summary: 'Retires a version, for good: its name stays taken',
      statuses: { ...missing, ...foreign, 204: 'Done', 409: 'An alias points to it' },
    },
    handle: async (call) => {
      await service.retire(versionOf(call), actorOf(call));
      return { status: 204 };
    },
  };
}

function aliasEndpoints({ store, service, predictors }: ModelStoreEndpointsOptions): Endpoint[] {
  const answer = { schema: aliasAnswerSchema };
  return [
    {
      ...write,
      method: 'PUT',
      path: aliasPath,
      body: { reader: jsonBody(aliasBodyBytes), schema: aliasSchema },
      docs: {
        tag,
        params,
        summary:
          'Lets an alias point to a version; a share of the clients to a canary, and of the requests also to a shadow',
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
        const target = call.body as AliasTarget;
        return taggedAlias(await service.setAlias({ ...aliasOf(call), ...target }, revisionOf(call), actorOf(call)));
      },
    },
    {
      ...read,
      path: '/api/models/{name}/aliases',
      docs: { tag, params, summary: 'The aliases of a model', statuses: missing, answer: { schema: aliasesSchema } },
      handle: async (call) => {
        const name = checkName(call.params.name);
        return { body: { aliases: predictors.has(name) ? [] : (await store.aliases(name)).map(aliasAnswer) } };
      },
    },
    {
      ...read,
      path: aliasPath,
      docs: { tag, params, summary: 'An alias', statuses: { 404: 'No such model or alias' }, answer },
      handle: async (call) => taggedAlias(await store.alias(aliasOf(call))),
    },
    {
      ...write,
      method: 'DELETE',
      path: aliasPath,
      docs: {
        tag,
        params,
        summary: 'Removes an alias',
        statuses: { ...foreign, ...moved, 204: 'Done', 404: 'No such model or alias' },
      },
      handle: async (call) => {
        await service.removeAlias(aliasOf(call), revisionOf(call), actorOf(call));
        return { status: 204 };
      },
    },
  ];
}

function versionOf({ params }: Call): { model: string; version: string } {
  return { model: checkName(params.name), version: checkVersion(params.version) };
}

function aliasOf({ params }: Call): { model: string; alias: string } {
  return { model: checkName(params.name), alias: checkAlias(params.alias) };
}

/** `If-Match` and `If-None-Match: *` (RFC 9110 section 13.1). @returns the revision that is asked for; 0 for none */
function revisionOf({ headers }: Call): number | undefined {
  const { 'if-match': match, 'if-none-match': noneMatch } = headers;
  if (noneMatch === '*') return 0;
  if (match === undefined) return undefined;
  const revision = /^"(\d{1,15})"$/.exec(match)?.[1];
  if (revision === undefined) throw new Problem(412, 'precondition_failed', 'If-Match is the ETag of the alias.');
  return Number(revision);
}

async function download(store: ModelStore, record: VersionRecord): Promise<Answer> {
  const { sha256, sizeBytes, model, version } = record;
  if (sizeBytes === 0)
    throw new Problem(404, 'no_artifact', 'This version has no file: it computes on another server.');
  const file = await open(store.artifactOf(record)).catch((cause: unknown) => {
    throw new Problem(503, 'model_unavailable', 'The file of this version cannot be read at the moment.', { cause });
  });
  return {
    headers: {
      'content-type': 'application/octet-stream',
      'content-length': String(sizeBytes),
      'content-disposition': `attachment; filename="${model}-${version}.onnx"`,
      etag: `"${sha256}"`,
    },
    stream: file.createReadStream(),
  };
}
