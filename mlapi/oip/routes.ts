import { bytesBody } from '../http/body/readers.ts';
import { endpoint, type EndpointResponse, type Call, type Endpoint } from '../http/endpoint.ts';
import { isWithin, type NameRange } from '../http/name-ranges.ts';
import { namesHeld } from '../http/scopes.ts';
import type { KnownVersion } from '../inference/model-source.ts';
import { namedModel } from '../inference/named-model.ts';
import type { ModelInformation } from '../inference/serving/model-information.ts';
import type { Predictor } from '../inference/serving/predictor.ts';
import { requestExamples } from './examples.ts';
import { parametersOf, readCommand, readFlag } from './fields.ts';
import { readiness, tag } from './health-routes.ts';
import { Inference } from './infer/infer.ts';
import {
  indexOf,
  refuseOverride,
  type DescribeModel,
  type ModelParams,
  type ModelRepository,
  type ServeModel,
} from './repository.ts';
import { oipSchemas } from './schemas.ts';
import type { RunStatistics } from './statistics.ts';

/** Dependencies of the protocol's endpoints. */
export interface OipOptions {
  readonly describe: DescribeModel;
  readonly serve: ServeModel;
  /** Every model in memory. */
  readonly loaded: () => readonly Predictor[];
  /** Every version whose model name lies in these ranges. */
  readonly versions: (names: readonly NameRange[]) => Iterable<KnownVersion> | AsyncIterable<KnownVersion>;
  readonly statistics: RunStatistics;
  readonly bodyLimitBytes: number;
  /** The model shown in the documentation. */
  readonly shown: Predictor;
  readonly repository: ModelRepository;
}

const commandLimitBytes = 16_384;
const octets = 'application/octet-stream';
const headerLength = {
  description: 'Number of JSON bytes, if binary data follows',
  schema: { type: 'integer', minimum: 0 },
};
const noModel = { 404: 'No such model' };

/** The endpoints of the Open Inference Protocol and its extensions. */
export function oipEndpoints(options: OipOptions): Endpoint[] {
  return [
    ...inferEndpoints(options),
    ...statisticsEndpoints(options),
    ...modelEndpoints(options),
    ...repositoryEndpoints(options),
  ];
}

const read = { access: 'models:read', resource: namedModel, method: 'GET' } as const;
const infer = { access: 'models:predict', resource: namedModel, method: 'POST', isHot: true } as const;

function inferEndpoints({ serve, bodyLimitBytes, shown }: OipOptions): Endpoint[] {
  const examples = requestExamples(shown);
  const statuses = {
    ...noModel,
    422: 'The model returned no usable output',
    503: 'The model is overloaded or unavailable',
    504: 'The prediction took too long',
  };
  const docs = {
    tag,
    statuses,
    headers: { 'Inference-Header-Content-Length': headerLength },
    answer: { schema: oipSchemas.response, others: { [octets]: oipSchemas.binaryResponse } },
    body: { schema: oipSchemas.request, examples, others: { [octets]: oipSchemas.binaryRequest } },
  };
  const reader = bytesBody(['application/json', octets], bodyLimitBytes);
  const inference = new Inference();
  const handle = (call: Call<ModelParams, unknown, Buffer>) => {
    const { params, session } = call;
    const serving = serve(params.name, params.version, session);
    return serving instanceof Promise
      ? serving.then((found) => inference.answer(found, call))
      : inference.answer(serving, call);
  };
  const post = { ...infer, body: { reader }, handle };
  return [
    endpoint({
      ...post,
      path: '/v2/models/{name}/infer',
      docs: { ...docs, operationId: 'infer', summary: 'Infer with a model' },
    }),
    endpoint({
      ...post,
      path: '/v2/models/{name}/versions/{version}/infer',
      docs: { ...docs, operationId: 'inferWithVersion', summary: 'Infer with one version of a model' },
    }),
  ];
}

/** Routed before the models: `stats` is a reserved name. */
function statisticsEndpoints({ describe, loaded, statistics }: OipOptions): Endpoint[] {
  const docs = { tag, statuses: noModel, answer: { schema: oipSchemas.statistics } };
  const answer = (models: readonly Pick<ModelInformation, 'name' | 'version'>[]): EndpointResponse => ({
    body: { model_stats: models.map(({ name, version: its }) => statistics.of(name, its)) },
  });
  const handle = async (call: Call<ModelParams>) => answer([await aboutOf(describe, call)]);
  return [
    endpoint({
      ...read,
      path: '/v2/models/stats',
      docs: {
        ...docs,
        statuses: {},
        operationId: 'getStatistics',
        summary: 'Statistics of all models since this process started',
      },
      resource: 'filtered',
      handle: ({ session }) => {
        const names = namesHeld(session?.scopes ?? [], 'models:read');
        return answer(inMemory(loaded(), names));
      },
    }),
    endpoint({
      ...read,
      path: '/v2/models/{name}/stats',
      docs: { ...docs, operationId: 'getModelStatistics', summary: 'Statistics of a model' },
      handle,
    }),
    endpoint({
      ...read,
      path: '/v2/models/{name}/versions/{version}/stats',
      docs: { ...docs, operationId: 'getVersionStatistics', summary: 'Statistics of a version' },
      handle,
    }),
  ];
}

function modelEndpoints({ describe, loaded }: OipOptions): Endpoint[] {
  const metadata = { tag, statuses: noModel, answer: { schema: oipSchemas.model } };
  const ready = {
    tag,
    statuses: { ...noModel, 503: { text: 'The model cannot compute at the moment', schema: oipSchemas.modelReady } },
    answer: { schema: oipSchemas.modelReady },
  };
  const show = async (call: Call<ModelParams>): Promise<EndpointResponse> => {
    const { name, version: its, platform, inputs, outputs } = await aboutOf(describe, call);
    return { body: { name, versions: [its], platform, inputs, outputs } };
  };
  const check = async (call: Call<ModelParams>): Promise<EndpointResponse> => {
    const { name, version: its } = await aboutOf(describe, call);
    const inMemory = loaded().find(({ contract }) => contract.name === name && contract.version === its);
    // A model that is not in memory is loaded on demand.
    return readiness(inMemory?.isUsable ?? true, { name, ready: true });
  };
  const model = '/v2/models/{name}';
  const itsVersion = `${model}/versions/{version}` as const;
  return [
    endpoint({
      ...read,
      path: model,
      docs: { ...metadata, operationId: 'getModelMetadata', summary: 'Describe the tensors of a model' },
      handle: show,
    }),
    endpoint({
      ...read,
      path: itsVersion,
      docs: { ...metadata, operationId: 'getVersionMetadata', summary: 'Describe the tensors of a version' },
      handle: show,
    }),
    endpoint({
      ...read,
      path: `${model}/ready`,
      docs: { ...ready, operationId: 'checkModelReady', summary: 'Whether a model can serve' },
      handle: check,
    }),
    endpoint({
      ...read,
      path: `${itsVersion}/ready`,
      docs: { ...ready, operationId: 'checkVersionReady', summary: 'Whether one version can serve' },
      handle: check,
    }),
  ];
}

function repositoryEndpoints({ versions, loaded, repository }: OipOptions): Endpoint[] {
  const reader = bytesBody(['application/json'], commandLimitBytes, true);
  const command = { method: 'POST', body: { reader } } as const;
  const change = (what: 'load' | 'unload', summary: string) =>
    endpoint({
      ...command,
      access: 'models:read',
      resource: namedModel,
      path: `/v2/repository/models/{name}/${what}`,
      docs: {
        tag,
        operationId: `${what}Model`,
        summary,
        statuses: {
          ...noModel,
          403: 'The token lacks the scope, or the model belongs to another client',
          409: 'Not possible for this model',
        },
        answer: { schema: oipSchemas.done },
        body: { schema: oipSchemas.command, examples: {} },
      },
      handle: async (call) => {
        const parameters = parametersOf(readCommand(call.body, ['parameters']), '');
        if (what === 'load') refuseOverride(parameters);
        await repository[what](call.params.name, call);
        return { body: {} };
      },
    });
  return [
    endpoint({
      ...command,
      access: 'models:read',
      path: '/v2/repository/index',
      resource: 'filtered',
      docs: {
        tag,
        operationId: 'indexRepository',
        summary: 'List all versions and their states',
        statuses: {},
        answer: { schema: oipSchemas.index },
        body: { schema: oipSchemas.indexRequest, examples: { 'only those that are ready': { ready: true } } },
      },
      handle: async ({ session, body }) => {
        const onlyReady = readFlag(readCommand(body, ['ready']).ready, 'ready') ?? false;
        const names = namesHeld(session?.scopes ?? [], 'models:read');
        // Ready models are in memory, so the other versions need not be listed.
        return { body: await indexOf(onlyReady ? inMemory(loaded(), names) : versions(names), onlyReady) };
      },
    }),
    change('load', 'Load a model'),
    change('unload', 'Unload a model'),
  ];
}

/** Filters by name ranges. */
function inMemory(predictors: readonly Predictor[], names: readonly NameRange[]): KnownVersion[] {
  return predictors
    .filter(({ contract }) => isWithin(names, contract.name))
    .map((predictor) => ({ name: predictor.contract.name, version: predictor.contract.version, predictor }));
}

function aboutOf(describe: DescribeModel, { params }: Call<ModelParams>): ModelInformation | Promise<ModelInformation> {
  return describe(params.name, params.version);
}
