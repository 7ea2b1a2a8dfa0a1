import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { startService, type TestService, type Tokens } from '../support/service.ts';
import { identityModel } from '../support/onnx-builder.ts';
import { allScopes, upload } from '../support/uploads.ts';
import { operationsOf, readDocument, type OpenApiDocument } from './document.ts';

let service: TestService;
let document: OpenApiDocument;
let tokens: Tokens;
beforeAll(async () => {
  service = await startService();
  document = await readDocument(service);
  ({ tokens } = await service.newClient(undefined, allScopes));
  const model = identityModel(2);
  for (const version of ['1', '2'])
    expect((await upload(service, tokens.access_token, ['mine', version], { model })).status).toBe(201);
});
afterAll(() => service.close());

const model = 'nsl-kdd-classifier';
const mine = '/api/models/mine';
const onnx = { body: identityModel(1), mediaType: 'application/octet-stream' };

/** Every route with an answer of its own, and each kind of error once or more. `body` is sent as JSON. */
const answers: readonly [
  route: string,
  status: number,
  request: { path?: string; token?: 'access' | 'refresh' | 'weak'; body?: unknown; mediaType?: string },
][] = [
  ['GET /', 200, {}],
  ['GET /', 400, { path: '/?a=1' }],
  ['GET /auth', 200, {}],
  ['GET /api', 200, {}],
  ['GET /api/liveness', 200, {}],
  ['GET /api/readiness', 200, {}],
  ['GET /.well-known/jwks.json', 200, {}],
  ['GET /.well-known/oauth-authorization-server', 200, {}],
  ['GET /.well-known/security.txt', 200, {}],
  ['GET /api/openapi.json', 200, {}],
  ['GET /api/docs', 200, {}],
  ['POST /auth/reset', 200, { body: 'credentials' }],
  ['POST /auth/reset', 400, { body: {} }],
  ['POST /auth/reset', 401, { body: { username: 'nobody', password: 'wrong' } }],
  ['POST /auth/reset', 413, { body: { username: 'a'.repeat(20_000), password: 'wrong' } }],
  ['POST /auth/reset', 415, {}],
  ['POST /auth/refresh', 200, { token: 'refresh' }],
  ['POST /auth/refresh', 401, {}],
  ['POST /auth/revoke', 200, { body: { token: 'not a token' } }],
  ['POST /auth/revoke', 400, { body: {} }],
  ['GET /auth/session', 200, { token: 'access' }],
  ['GET /auth/session', 401, {}],
  ['GET /api/ml', 200, { token: 'access' }],
  ['GET /api/ml', 401, {}],
  ['GET /api/ml', 403, { token: 'weak' }],
  ['POST /api/ml', 200, { token: 'access', path: '/api/ml?scores=true', body: 'sample' }],
  ['POST /api/ml', 400, { token: 'access', body: [[1]] }],
  ['POST /api/ml', 413, { token: 'access', body: 'a'.repeat(1_100_000) }],
  ['POST /api/ml', 415, { token: 'access' }],
  ['GET /api/models', 200, { token: 'access', path: '/api/models?limit=1' }],
  ['GET /api/models/{name}', 200, { token: 'access', path: `/api/models/${model}` }],
  ['GET /api/models/{name}', 404, { token: 'access', path: '/api/models/none' }],
  ['POST /api/models/{name}/predict', 200, { token: 'access', path: `/api/models/${model}/predict`, body: 'sample' }],
  [
    'POST /api/models/{name}/versions/{version}/predict',
    200,
    { token: 'access', path: `/api/models/${model}/versions/1/predict`, body: 'sample' },
  ],
  ['PUT /api/models/{name}/versions/{version}', 201, { token: 'access', path: `${mine}/versions/3`, ...onnx }],
  ['PUT /api/models/{name}/versions/{version}', 403, { token: 'weak', path: `${mine}/versions/4`, ...onnx }],
  ['PUT /api/models/{name}/versions/{version}', 409, { token: 'access', path: `${mine}/versions/1`, ...onnx }],
  ['PUT /api/models/{name}/versions/{version}', 415, { token: 'access', path: `${mine}/versions/4`, body: {} }],
  ['GET /api/models/{name}/versions', 200, { token: 'access', path: `${mine}/versions` }],
  ['GET /api/models/{name}/versions', 200, { token: 'access', path: `/api/models/${model}/versions` }],
  ['GET /api/models/{name}/versions/{version}', 200, { token: 'access', path: `${mine}/versions/1` }],
  ['GET /api/models/{name}/versions/{version}', 200, { token: 'access', path: `/api/models/${model}/versions/1` }],
  ['GET /api/models/{name}/versions/{version}', 404, { token: 'access', path: `${mine}/versions/9` }],
  ['GET /api/models/{name}/versions/{version}/artifact', 200, { token: 'access', path: `${mine}/versions/1/artifact` }],
  ['GET /api/models/{name}/versions/{version}/artifact', 403, { token: 'weak', path: `${mine}/versions/1/artifact` }],
  ['POST /api/models/{name}/versions/{version}/load', 204, { token: 'access', path: `${mine}/versions/1/load` }],
  ['POST /api/models/{name}/versions/{version}/unload', 204, { token: 'access', path: `${mine}/versions/1/unload` }],
  [
    'PUT /api/models/{name}/aliases/{alias}',
    200,
    { token: 'access', path: `${mine}/aliases/a`, body: { version: '1' } },
  ],
  [
    'PUT /api/models/{name}/aliases/{alias}',
    404,
    { token: 'access', path: `${mine}/aliases/a`, body: { version: '9' } },
  ],
  ['GET /api/models/{name}/aliases', 200, { token: 'access', path: `${mine}/aliases` }],
  ['GET /api/models/{name}/aliases/{alias}', 200, { token: 'access', path: `${mine}/aliases/a` }],
  ['DELETE /api/models/{name}/versions/{version}', 409, { token: 'access', path: `${mine}/versions/1` }],
  ['DELETE /api/models/{name}/aliases/{alias}', 204, { token: 'access', path: `${mine}/aliases/a` }],
  ['DELETE /api/models/{name}/aliases/{alias}', 404, { token: 'access', path: `${mine}/aliases/a` }],
  ['DELETE /api/models/{name}/versions/{version}', 204, { token: 'access', path: `${mine}/versions/2` }],
  ['GET /v2', 200, {}],
  ['GET /v2/health/live', 200, {}],
  ['GET /v2/health/ready', 200, {}],
  ['POST /v2/models/{name}/infer', 200, { token: 'access', path: `/v2/models/${model}/infer`, body: 'tensors' }],
  ['POST /v2/models/{name}/infer', 400, { token: 'access', path: `/v2/models/${model}/infer`, body: {} }],
  ['POST /v2/models/{name}/infer', 401, { path: `/v2/models/${model}/infer` }],
  ['POST /v2/models/{name}/infer', 404, { token: 'access', path: '/v2/models/none/infer', body: 'tensors' }],
  [
    'POST /v2/models/{name}/infer',
    413,
    { token: 'access', path: `/v2/models/${model}/infer`, body: 'a'.repeat(1_100_000) },
  ],
  [
    'POST /v2/models/{name}/versions/{version}/infer',
    200,
    { token: 'access', path: `/v2/models/${model}/versions/1/infer`, body: 'tensors' },
  ],
  ['GET /v2/models/stats', 200, { token: 'access' }],
  ['GET /v2/models/stats', 403, { token: 'weak' }],
  ['GET /v2/models/{name}/stats', 200, { token: 'access', path: `/v2/models/${model}/stats` }],
  [
    'GET /v2/models/{name}/versions/{version}/stats',
    200,
    { token: 'access', path: `/v2/models/${model}/versions/1/stats` },
  ],
  ['GET /v2/models/{name}', 200, { token: 'access', path: `/v2/models/${model}` }],
  ['GET /v2/models/{name}', 404, { token: 'access', path: '/v2/models/none' }],
  ['GET /v2/models/{name}/versions/{version}', 200, { token: 'access', path: `/v2/models/${model}/versions/1` }],
  ['GET /v2/models/{name}/ready', 200, { token: 'access', path: `/v2/models/${model}/ready` }],
  [
    'GET /v2/models/{name}/versions/{version}/ready',
    200,
    { token: 'access', path: `/v2/models/${model}/versions/1/ready` },
  ],
  ['POST /v2/repository/index', 200, { token: 'access', body: { ready: true } }],
  [
    'POST /v2/repository/models/{name}/load',
    200,
    { token: 'access', path: `/v2/repository/models/${model}/load`, body: {} },
  ],
  [
    'POST /v2/repository/models/{name}/unload',
    409,
    { token: 'access', path: `/v2/repository/models/${model}/unload`, body: {} },
  ],
];

describe('the documented schemas', () => {
  test.each(answers)(
    '%s answers %i as the document says',
    async (route, status, { path, token, body, mediaType: sent = 'application/json' }) => {
      const [method = '', template = ''] = route.split(' ');
      const target = path ?? template;
      const request = service.http[method.toLowerCase() as 'get' | 'post' | 'put' | 'delete'](target);
      if (token !== undefined) request.set('Authorization', `Bearer ${await bearer(token)}`);
      if (body !== undefined) request.set('Content-Type', sent);
      const content = Buffer.isBuffer(body)
        ? body
        : body === undefined
          ? undefined
          : JSON.stringify(await bodyOf(body));

      const answer = await request.send(content);

      expect(answer.status).toBe(status);
      const documented = operation(route).responses[status]?.content;
      const [mediaType, shape] = Object.entries(documented ?? {})[0] ?? [];
      if (shape === undefined || mediaType === undefined) {
        expect(answer.text).toBe('');
        return;
      }
      expect(answer.headers['content-type']?.split(';')[0]).toBe(mediaType);
      if (mediaType === 'application/octet-stream') return;
      const value: unknown = mediaType.startsWith('text/') ? answer.text : JSON.parse(answer.text);
      expect(mistakes(shape.schema, value)).toEqual([]);
    },
  );

  test('503: a service that is not ready says so as the document says', async () => {
    const draining = await startService({}, { dataDir: service.dataDir });
    draining.services.lifecycle.enter('draining');
    try {
      const { body, type } = await draining.http.get('/api/readiness').expect(503);
      const content = operation('GET /api/readiness').responses[503]?.content ?? {};
      expect(Object.keys(content)).toEqual([type]);
      expect(mistakes(content[type]?.schema ?? false, body)).toEqual([]);
    } finally {
      await draining.close();
    }
  });

  test('every route stands in the table above with its 200', () => {
    const shown = new Set(answers.filter(([, status]) => status < 300).map(([route]) => route));

    // Nothing that came with the service can be unloaded.
    expect([...shown, 'POST /v2/repository/models/{name}/unload'].sort()).toEqual(
      operationsOf(document)
        .map(({ route }) => route)
        .sort(),
    );
  });
});

describe('the documented samples', () => {
  test('200: each sample body of a prediction is answered as the document shows', async () => {
    let posted = 0;
    for (const { route, operation: predict } of operationsOf(document)) {
      const content = predict.requestBody?.content['application/json'];
      if (!route.startsWith('POST /api/')) continue;
      const target = route.slice(5).replace('{name}', model).replace('{version}', '1');
      for (const { value } of Object.values(content?.examples ?? {})) {
        const { body } = await service.http
          .post(target)
          .set('Authorization', `Bearer ${tokens.access_token}`)
          .send(value as object)
          .expect(200);
        expect(body).toEqual(predict.responses[200]?.content?.['application/json']?.example);
        expect(mistakes(content?.schema ?? false, value)).toEqual([]);
        posted += 1;
      }
    }
    expect(posted).toBe(6);
  });

  test('200: the sample in CSV is answered as the document shows, line by line', async () => {
    let posted = 0;
    for (const { route, operation: predict } of operationsOf(document)) {
      const sent = predict.requestBody?.content['text/csv'];
      if (sent === undefined) continue;
      const { text } = await service.http
        .post(route.slice(5).replace('{name}', model).replace('{version}', '1'))
        .set('Authorization', `Bearer ${tokens.access_token}`)
        .set('Content-Type', 'text/csv')
        .set('Accept', 'text/csv')
        .send(sent.example as string)
        .expect(200);
      const shown = predict.responses[200]?.content?.['text/csv'];
      expect(text).toBe(shown?.example);
      expect([mistakes(sent.schema, sent.example), mistakes(shown?.schema ?? false, text)]).toEqual([[], []]);
      posted += 1;
    }
    expect(posted).toBe(3);
  });

  test('200: what is read is answered as the document shows', async () => {
    const shown = operationsOf(document).filter(
      ({ route, operation: { responses } }) =>
        route.startsWith('GET') &&
        route !== 'GET /auth/session' &&
        responses[200]?.content?.['application/json']?.example !== undefined,
    );
    expect(shown.map(({ route }) => route)).toContain('GET /api/ml');
    for (const { route, operation: read } of shown) {
      const { body } = await service.http
        .get(route.slice(4).replace('{name}', model))
        .set('Authorization', `Bearer ${tokens.access_token}`)
        .expect(200);
      expect(body).toEqual(read.responses[200]?.content?.['application/json']?.example);
    }
  });

  test('the schema of a body refuses what the service refuses', async () => {
    const schema = operation('POST /api/ml').requestBody?.content['application/json']?.schema ?? true;
    const sample = (await bodyOf('sample')) as Record<string, unknown>;
    const bad = [{}, [], 5, 'x', [[1]], { ...sample, extra: 1 }, { ...sample, duration: '0' }, [[]]];
    for (const body of bad) {
      await service.http
        .post('/api/ml')
        .set('Authorization', `Bearer ${tokens.access_token}`)
        .set('Content-Type', 'application/json')
        .send(JSON.stringify(body))
        .expect(400);
      expect(mistakes(schema, body)).not.toEqual([]);
    }
  });
});

function operation(route: string) {
  return operationsOf(document).find((each) => each.route === route)!.operation;
}

function mistakes(schema: object | boolean, value: unknown): unknown[] {
  const ajv = new Ajv2020({ strict: false, formats: { 'date-time': isDateTime } });
  const root = typeof schema === 'boolean' ? schema : { ...schema, components: document.components };
  ajv.validate(root, value);
  return ajv.errors ?? [];
}

function isDateTime(text: string): boolean {
  return new Date(text).toISOString() === text;
}

async function bearer(kind: 'access' | 'refresh' | 'weak'): Promise<string> {
  if (kind === 'access') return tokens.access_token;
  if (kind === 'weak') return (await service.newClient(undefined, ['models:predict'])).tokens.access_token;
  return (await service.newClient()).tokens.refresh_token;
}

/** `credentials` and `sample` stand for a new client's and the documented row; everything else is sent as it is. */
async function bodyOf(body: unknown): Promise<unknown> {
  if (body === 'sample' || body === 'tensors')
    return Object.values(
      operation(body === 'sample' ? 'POST /api/ml' : 'POST /v2/models/{name}/infer').requestBody?.content[
        'application/json'
      ]?.examples ?? {},
    )[0]?.value;
  if (body !== 'credentials') return body;
  const username = `documented-${Date.now()}`;
  return { username, password: await service.services.clients.add(username) };
}
