import type { Config } from '../config/config.ts';
import { prefers } from '../http/accept.ts';
import { tableBody } from '../http/body.ts';
import type { Answer, Call, Endpoint, EndpointDocs } from '../http/endpoint.ts';
import { csvAnswer, csvMediaType } from './csv-answer.ts';
import type { Predictor } from './predictor.ts';
import type { Predictors } from './predictors.ts';
import { predictionDocs } from './prediction-docs.ts';
import { informationSchema } from './row-schema.ts';
import { listQuery, predictQuery, type ListQuery } from './schemas.ts';

/** Information about models, and their predictions. */
export function inferenceEndpoints(predictors: Predictors, { bodyLimitBytes }: Config): Endpoint[] {
  const shown = predictors.hasDefault ? predictors.default() : predictors.list()[0]!;
  const information = { tag: 'models', statuses: { 404: 'No such model' }, answer: informationAnswer(shown) };
  const predict = {
    access: 'models:predict',
    method: 'POST',
    query: predictQuery,
    body: { reader: tableBody(bodyLimitBytes) },
  } as const;
  const read = { access: 'models:read', method: 'GET' } as const;
  return [
    {
      ...read,
      path: '/api/ml',
      docs: { ...information, summary: 'The default model' },
      handle: () => ({ body: predictors.default().information() }),
    },
    {
      ...predict,
      path: '/api/ml',
      docs: { ...predictionDocs(shown), summary: 'Predict with the default model' },
      handle: (call) => answer(predictors.default(), call),
    },
    {
      ...read,
      path: '/api/models',
      query: listQuery,
      docs: { tag: 'models', summary: 'All models, by name', statuses: {}, answer: { schema: listSchema } },
      handle: ({ query }) => ({ body: page(predictors.list(), query as unknown as ListQuery) }),
    },
    {
      ...read,
      path: '/api/models/{name}',
      docs: { ...information, summary: 'One model' },
      handle: ({ params }) => ({ body: predictors.get(params.name ?? '').information() }),
    },
    {
      ...predict,
      path: '/api/models/{name}/predict',
      docs: { ...predictionDocs(shown), summary: 'Predict with a model' },
      handle: (call) => answer(predictors.get(call.params.name ?? ''), call),
    },
    {
      ...predict,
      path: '/api/models/{name}/versions/{version}/predict',
      docs: { ...predictionDocs(shown), summary: 'Predict with one version of a model' },
      handle: (call) => answer(predictors.get(call.params.name ?? '', call.params.version), call),
    },
  ];
}

/** Not async: nothing may hold the body while its rows wait. */
function answer(predictor: Predictor, { body, query, session, headers: { accept } }: Call): Promise<Answer> {
  const prediction = predictor.predict(body, { scores: query.scores === true, client: session?.clientId ?? '' });
  return prediction.then((found) =>
    prefers(accept, csvMediaType, 'application/json') ? csvAnswer(found) : { body: found },
  );
}

function page(all: readonly Predictor[], { limit, after }: ListQuery): object {
  const rest = all.filter(({ contract }) => contract.name > after);
  const models = rest.slice(0, limit).map((predictor) => {
    const { name, version, description, sha256 } = predictor.information();
    return { name, version, description, sha256 };
  });
  return { models, next: rest.length > limit ? models.at(-1)?.name : null };
}

const listSchema = {
  type: 'object',
  required: ['models', 'next'],
  properties: {
    models: {
      type: 'array',
      items: { type: 'object', properties: { name: { type: 'string' }, version: { type: 'string' } } },
    },
    next: { type: ['string', 'null'], description: 'the value of `after` for the next page' },
  },
};

function informationAnswer(predictor: Predictor): NonNullable<EndpointDocs['answer']> {
  return { schema: informationSchema, example: predictor.information() };
}
