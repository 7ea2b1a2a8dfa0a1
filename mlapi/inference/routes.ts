import type { CoreConfig } from '../config/core-config.ts';
import { rowsBody } from '../http/body/readers.ts';
import type { StreamedBody } from '../http/body/streamed-body.ts';
import { endpoint, type EndpointResponse, type Call, type Endpoint, type EndpointDocs } from '../http/endpoint.ts';
import { intersect, rangeAfter, rangeOfPrefix } from '../http/name-ranges.ts';
import { pageOf } from '../http/request/paging.ts';
import { holdsFor, namesHeld } from '../http/scopes.ts';
import type { Session } from '../http/session.ts';
import { informationSchema, listSchema } from './contract/information-schema.ts';
import type { ModelRegistry } from './model-registry.ts';
import type { Serving } from './model-source.ts';
import { modelNotFound, namedModel } from './named-model.ts';
import { jsonResponse } from './postprocessing/json-response.ts';
import { defaultPredictionDocs, predictionDocs } from './prediction-docs.ts';
import { listQuery, predictQuery, type ListQuery, type PredictQuery } from './queries.ts';
import { StreamedRows, type RowFormats } from './row-formats.ts';
import type { Predictor } from './serving/predictor.ts';

type PredictCall = Call<unknown, PredictQuery>;

/** Endpoints that describe models and predict with them. */
export function inferenceEndpoints(
  predictors: ModelRegistry,
  { bodyLimitBytes }: CoreConfig,
  formats: RowFormats,
): Endpoint[] {
  const { shown } = predictors;
  const streamed = formats.all.map((format) => ({
    ...format,
    wrap: (body: StreamedBody) => new StreamedRows(body, format),
  }));
  const answer = (found: Serving | Promise<Serving>, call: PredictCall) => answerIn(formats, found, call);
  const information = { tag: 'models', statuses: { 404: 'No such model' }, answer: informationResponse(shown) };
  const predict = {
    access: 'models:predict',
    method: 'POST',
    isHot: true,
    query: predictQuery,
    body: { reader: rowsBody(bodyLimitBytes, streamed) },
  } as const;
  const read = { access: 'models:read', method: 'GET' } as const;
  return [
    endpoint({
      ...read,
      path: '/api/ml',
      resource: 'filtered',
      docs: { ...information, operationId: 'getDefaultModel', summary: 'Describe the default model' },
      handle: ({ session }) => ({ body: permitted(predictors.default(), session, read.access).information() }),
    }),
    endpoint({
      ...predict,
      path: '/api/ml',
      resource: 'filtered',
      docs: {
        ...defaultPredictionDocs(shown, formats.all),
        operationId: 'predictWithDefaultModel',
        summary: 'Predict with the default model',
      },
      handle: (call) => answer(permitted(predictors.serveDefault(), call.session, predict.access), call),
    }),
    endpoint({
      ...read,
      path: '/api/models',
      query: listQuery,
      resource: 'filtered',
      docs: {
        tag: 'models',
        operationId: 'listModels',
        summary: 'List models by name',
        statuses: {},
        answer: { schema: listSchema },
      },
      handle: async ({ query, session }) => ({ body: await page(predictors, query, session) }),
    }),
    endpoint({
      ...read,
      path: '/api/models/{name}',
      resource: namedModel,
      docs: { ...information, operationId: 'getModel', summary: 'Describe a model' },
      handle: async ({ params }) => ({ body: await predictors.information(params.name) }),
    }),
    endpoint({
      ...predict,
      path: '/api/models/{name}/predict',
      resource: namedModel,
      docs: { ...predictionDocs(shown, formats.all), operationId: 'predict', summary: 'Predict with a model' },
      handle: (call) => answer(predictors.serve(call.params.name, undefined, clientOf(call)), call),
    }),
    endpoint({
      ...predict,
      path: '/api/models/{name}/versions/{version}/predict',
      resource: namedModel,
      docs: {
        ...predictionDocs(shown, formats.all),
        operationId: 'predictWithVersion',
        summary: 'Predict with one version of a model',
      },
      handle: (call) => answer(predictors.serve(call.params.name, call.params.version, clientOf(call)), call),
    }),
  ];
}

/** Checks the session's scopes for the default model, which has no name in its path. @throws {Problem} 404 */
function permitted<Model extends Pick<Serving, 'contract'>>(
  model: Model,
  session: Session | undefined,
  permission: string,
): Model {
  if (!holdsFor(session?.scopes ?? [], permission, model.contract.name)) throw modelNotFound();
  return model;
}

/** Not async, so that no frame keeps the body alive while its rows wait. */
function answerIn(
  formats: RowFormats,
  found: Serving | Promise<Serving>,
  call: PredictCall,
): Promise<EndpointResponse> {
  return found instanceof Promise
    ? found.then((serving) => predictWith(serving, call, formats))
    : predictWith(found, call, formats);
}

function predictWith(serving: Serving, call: PredictCall, formats: RowFormats): Promise<EndpointResponse> {
  const {
    body,
    query,
    headers: { accept },
  } = call;
  const prediction = serving.predict(body, {
    scores: query.scores === true,
    client: clientOf(call),
    memory: call.memory,
  });
  const { headers } = serving;
  return prediction.then((made) => {
    const format = formats.preferred(accept);
    if (format === undefined) return jsonResponse(made, headers);
    const written = format.write(made);
    return { ...written, headers: { ...headers, ...written.headers } };
  });
}

function clientOf({ session }: Call): string {
  return session?.clientId ?? '';
}

/** Returns one page of the models that the session may see. */
async function page(
  predictors: ModelRegistry,
  { limit, after, prefix, owner }: ListQuery,
  session: Session | undefined,
): Promise<object> {
  const ownerId = owner === undefined ? undefined : (session?.clientId ?? '');
  const permitted = namesHeld(session?.scopes ?? [], 'models:read');
  const ranges = intersect(intersect(permitted, rangeOfPrefix(prefix)), rangeAfter(after));
  const found = await predictors.page({ ranges, ownerId, limit: limit + 1 });
  const { items: models, next } = pageOf(found, limit, ({ name }) => name);
  return { models, next };
}

function informationResponse(predictor: Predictor): NonNullable<EndpointDocs['answer']> {
  return { schema: informationSchema, example: predictor.information() };
}
