import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { permissions } from '../../mlapi/features.ts';
import { startService, type TestService, type Tokens } from '../support/service.ts';
import { identityModel } from '../support/onnx-builder.ts';
import { upload } from '../support/uploads.ts';
import { answers, form, model } from './answers.ts';
import { operationsOf, readDocument, type OpenApiDocument } from './document.ts';

let service: TestService;
let document: OpenApiDocument;
let tokens: Tokens;
beforeAll(async () => {
  service = await startService();
  document = await readDocument(service);
  ({ tokens } = await service.newClient(undefined, permissions));
  const model = identityModel(2);
  for (const version of ['1', '2'])
    expect((await upload(service, tokens.access_token, ['mine', version], { model })).status).toBe(201);
});
afterAll(() => service.close());

describe('the documented schemas', () => {
  test.each(answers)(
    '%s answers %i as documented',
    async (route, status, { path, token, body, mediaType: sent = 'application/json' }) => {
      const [method = '', template = ''] = route.split(' ');
      const target = path ?? template;
      const request = service.http[method.toLowerCase() as 'get' | 'post' | 'put' | 'delete'](target);
      if (token !== undefined) request.set('Authorization', `Bearer ${await bearer(token)}`);
      if (body !== undefined) request.set('Content-Type', sent);
      const made = await bodyOf(body);
      const content =
        sent === form || Buffer.isBuffer(made) || made === undefined ? (made as string) : JSON.stringify(made);

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

  test('503: a service that is not ready answers as documented', async () => {
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

  test('every route is in the table above with its 200', () => {
    const shown = new Set(answers.filter(([, status]) => status < 300).map(([route]) => route));

    // A shipped model cannot be unloaded.
    const isRefused = (route: string) => /\/repository\/.*\/unload$/.test(route);
    const routes = operationsOf(document).map(({ route }) => route);
    expect([...shown].sort()).toEqual(routes.filter((route) => !isRefused(route)).sort());
  });
});

describe('the documented samples', () => {
  test('200: each documented prediction request returns the documented response', async () => {
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

  test('200: the sample in CSV returns the documented lines', async () => {
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

  test('200: reads return the documented responses', async () => {
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

  test('the schema of a body rejects what the service rejects', async () => {
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
  const ajv = new Ajv2020({
    strict: false,
    formats: { 'date-time': isDateTime, double: true, int64: true, binary: true },
  });
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

/** `credentials` and `sample` are replaced by a new client's credentials and the documented row; other bodies are sent as they are. */
async function bodyOf(body: unknown): Promise<unknown> {
  if (body === 'sample' || body === 'tensors')
    return Object.values(
      operation(body === 'sample' ? 'POST /api/ml' : 'POST /v2/models/{name}/infer').requestBody?.content[
        'application/json'
      ]?.examples ?? {},
    )[0]?.value;
  if (body === 'client credentials') {
    const secret = await service.services.clients.addReusable('documented-reusable');
    return `grant_type=client_credentials&client_id=documented-reusable&client_secret=${secret}`;
  }
  if (body !== 'credentials') return body;
  const username = `documented-${Date.now()}`;
  return { username, password: await service.services.clients.add(username) };
}
