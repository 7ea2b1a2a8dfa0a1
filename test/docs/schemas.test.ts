import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { startService, type TestService } from '../support/service.ts';
import { operationsOf, readDocument, type OpenApiDocument } from './document.ts';

type Json = Readonly<Record<string, unknown>>;

interface Found {
  readonly path: string;
  readonly schema: Json;
}

let service: TestService;
let document: OpenApiDocument;
let schemas: readonly Found[];
let token: string;
beforeAll(async () => {
  service = await startService();
  document = await readDocument(service);
  schemas = [...findSchemas(document, '#')];
  token = (await service.newClient()).tokens.access_token;
});
afterAll(() => service.close());

/** Every node with a type, an alternative, an enumeration or a reference, at any depth; examples are values, not schemas. */
function* findSchemas(value: unknown, path: string): Generator<Found> {
  if (typeof value !== 'object' || value === null) return;
  const node = value as Json;
  const isSchema = ['enum', 'anyOf', '$ref', 'const', 'not'].some((key) => key in node) || isType(node.type);
  if (isSchema && !path.endsWith('/properties') && !path.includes('/securitySchemes/')) yield { path, schema: node };
  for (const [key, inner] of Object.entries(node))
    if (!['example', 'examples', 'enum', 'default'].includes(key) || path.endsWith('/properties'))
      yield* findSchemas(inner, `${path}/${key}`);
}

function isType(value: unknown): boolean {
  return typeof value === 'string' || Array.isArray(value);
}

function wrong(isWrong: (schema: Json, path: string) => boolean): string[] {
  return schemas.filter(({ schema, path }) => isWrong(schema, path)).map(({ path }) => path);
}

function mistakes(schema: object | undefined, value: unknown): unknown[] {
  const ajv = new Ajv2020({ strict: false, formats: { 'date-time': true, double: true, int64: true, binary: true } });
  ajv.validate({ ...schema, components: document.components }, value);
  return ajv.errors ?? [];
}

/** Numbers from 0 to 1 whose schema has no width, because Joi has no format. */
const fractions: readonly string[] = ['#/components/schemas/RequestedShare/properties/share'];

describe('the schemas of the document', () => {
  test('there are many, and the checks detect each kind of mistake', () => {
    const bad = {
      components: { schemas: { a: { enum: [1] }, b: { type: 'array' }, c: { properties: { type: {} } } } },
    };

    expect(schemas.length).toBeGreaterThan(400);
    expect([...findSchemas(bad, '#')].map(({ path }) => path)).toEqual([
      '#/components/schemas/a',
      '#/components/schemas/b',
    ]);
  });

  test('every enumeration has the type of its values', () => {
    const types: Readonly<Record<string, string>> = { string: 'string', integer: 'number', number: 'number' };
    expect(
      wrong(({ enum: values, type }) => {
        if (!Array.isArray(values)) return false;
        return values.length === 0 || values.some((value) => typeof value !== types[String(type)]);
      }),
    ).toEqual([]);
  });

  test('every array declares its items', () => {
    const isArray = (type: unknown) => type === 'array' || (Array.isArray(type) && type.includes('array'));
    expect(wrong(({ type, items }) => isArray(type) && items === undefined)).toEqual([]);
  });

  test('every default is valid under its own schema', () => {
    const defaults = schemas.filter(({ schema }) => 'default' in schema);
    expect(defaults.length).toBeGreaterThan(1);
    expect(defaults.filter(({ schema }) => mistakes(schema, schema.default).length > 0)).toEqual([]);
  });

  test('none uses constants, negations, or several types except null, which generators do not support', () => {
    expect(
      wrong(({ type }) => Array.isArray(type) && !(type.length === 2 && type[1] === 'null' && type[0] !== 'null')),
    ).toEqual([]);
    expect(wrong((schema) => 'not' in schema || 'const' in schema)).toEqual([]);
    expect(JSON.stringify(document)).not.toMatch(/"ref":|"x-if|"adjust"/);
  });

  test('every reference resolves to a component, and every component is used', () => {
    const names = Object.keys((document.components as { schemas: Json }).schemas).map(
      (name) => `#/components/schemas/${name}`,
    );
    const references = new Set(schemas.flatMap(({ schema: { $ref } }) => ($ref === undefined ? [] : [$ref])));
    expect([...references].sort()).toEqual(names.sort());
  });

  test('every object with properties is a named component', () => {
    expect(
      wrong(({ properties }, path) => properties !== undefined && !/^#\/components\/schemas\/[A-Z]\w+$/.test(path)),
    ).toEqual([]);
  });

  test('integers declare their width, because generators default to 32 bits', () => {
    expect(wrong(({ type, format }) => type === 'number' && format !== 'double')).toEqual(fractions);
  });
});

describe('the operations of the document', () => {
  test('each has a unique id usable as a function name, a summary and a description', () => {
    const ids = operationsOf(document).map(({ operation: { operationId } }) => operationId);

    expect(new Set(ids).size).toBe(ids.length);
    expect(ids.filter((id) => !/^[a-z]+(?:[A-Z][a-z]+)*$/.test(id))).toEqual([]);
    for (const { operation } of operationsOf(document))
      expect([operation.summary, operation.description].every((text) => text.length > 5)).toBe(true);
  });

  test('each declares its path parameters, each with a pattern', () => {
    for (const { route, operation } of operationsOf(document)) {
      const named = [...route.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
      const given = (operation.parameters ?? []).filter((parameter) => parameter.in === 'path');
      expect(given.map(({ name }) => name)).toEqual(named);
      for (const { schema } of given) expect(schema).toMatchObject({ type: 'string', pattern: expect.any(String) });
    }
  });

  test('each declares the statuses that every route of its kind returns', () => {
    for (const { route, operation } of operationsOf(document)) {
      const isGuarded = operation.security.length > 0;
      const expected = ['400', '500', ...(isGuarded ? ['401', '429', '503'] : [])];
      if (operation.requestBody !== undefined) expected.push('413', '415', '429');
      if (route.includes('{name}')) expected.push('404');
      const missing = expected.filter((status) => operation.responses[status] === undefined);
      expect([route, missing]).toEqual([route, []]);
    }
  });

  test('a body of several media types has a schema for each, because generated clients choose by its class', () => {
    for (const { route, operation } of operationsOf(document)) {
      const bodies = Object.values(operation.requestBody?.content ?? {}).map(({ schema }) => JSON.stringify(schema));
      expect([route, new Set(bodies).size]).toEqual([route, bodies.length]);
    }
  });

  test('an upload declares the parts of its form', () => {
    const { content } = operation('PUT /api/models/{name}/versions/{version}').requestBody!;
    const { ModelUpload } = (document.components as { schemas: { ModelUpload: { properties: object } } }).schemas;

    expect(content['multipart/form-data']?.schema).toEqual({ $ref: '#/components/schemas/ModelUpload' });
    expect(Object.keys(ModelUpload.properties)).toEqual(
      expect.arrayContaining(['model', 'contract', 'encoding', 'sample']),
    );
  });
});

describe('responses of the shipped models', () => {
  test.each(['nsl-kdd-classifier', 'nsl-kdd-anomaly'])(
    '200: %s answers as its own routes are documented',
    async (name) => {
      const get = await send('get', `/api/models/${name}`);
      expect(mistakes(responseOf('GET /api/models/{name}'), get)).toEqual([]);
      const { features, sample } = get as { features: { name: string }[]; sample: Json };
      const list = features.map((feature) => sample[feature.name]);
      const bodies = [sample, [list], [list, sample], { instances: sample }, { instances: [list, sample] }];
      for (const route of [
        'POST /api/models/{name}/predict',
        'POST /api/models/{name}/versions/{version}/predict',
        ...(name === 'nsl-kdd-classifier' ? ['POST /api/ml'] : []),
      ]) {
        const path = route.slice(5).replace('{name}', name).replace('{version}', '1');
        const taken = operation(route).requestBody?.content['application/json']?.schema;
        for (const body of bodies) {
          expect(mistakes(taken, body)).toEqual([]);
          for (const scores of ['', '?scores=true'])
            expect(mistakes(responseOf(route), await send('post', `${path}${scores}`, body))).toEqual([]);
        }
      }
    },
  );

  test('400: the schema of the default model rejects what the service rejects', async () => {
    const { sample } = (await send('get', '/api/ml')) as { sample: Json };
    const schema = operation('POST /api/ml').requestBody?.content['application/json']?.schema;
    const wrongCells = {
      protocol_type: 'none',
      flag: 99,
      land: 2,
      duration: 4e38,
      src_bytes: 2 ** 53,
      logged_in: null,
    };
    for (const [feature, cell] of Object.entries(wrongCells)) {
      const row = { ...sample, [feature]: cell };
      expect([feature, mistakes(schema, row).length > 0]).toEqual([feature, true]);
      const { status } = await service.http.post('/api/ml').set('Authorization', `Bearer ${token}`).send(row);
      expect([feature, status]).toEqual([feature, 400]);
    }
  });
});

describe('GET /api/models', () => {
  test.each(['after=', 'prefix=', 'after=&prefix=&limit=20'])(
    '200: the empty parameters in %s are ignored',
    async (query) => {
      expect(await send('get', `/api/models?${query}`)).toEqual(await send('get', '/api/models'));
    },
  );
});

function operation(route: string) {
  return operationsOf(document).find((each) => each.route === route)!.operation;
}

function responseOf(route: string): object | undefined {
  return operation(route).responses[200]?.content?.['application/json']?.schema;
}

async function send(method: 'get' | 'post', path: string, body?: unknown): Promise<unknown> {
  const request = service.http[method](path).set('Authorization', `Bearer ${token}`);
  const { body: answer } = await (body === undefined ? request : request.send(body as object)).expect(200);
  return answer;
}
