import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { readDocument, type OpenApiDocument } from '../docs/document.ts';
import { startModels, type ModelService } from '../support/model-folders.ts';
import { oipModels } from './models.ts';

/*
 * The published description of the protocol: open_inference_rest.yaml, version 2.0, of github.com/kserve/open-inference-protocol;
 * paths and schemas transcribed by hand.
 */
const text = { type: 'string' };
const list = (items: object) => ({ type: 'array', items });
const object = (required: readonly string[], properties: object) => ({ type: 'object', required, properties });
const tensorData = { type: 'array', items: { type: ['array', 'number', 'string', 'boolean'] } };
const parameters = { type: 'object' };
const shape = list({ type: 'integer' });
const tensor = object(['name', 'shape', 'datatype', 'data'], {
  name: text,
  shape,
  datatype: text,
  parameters,
  data: tensorData,
});
const metadataTensor = object(['name', 'datatype', 'shape'], { name: text, datatype: text, shape });
const published = {
  server: object(['name', 'version', 'extensions'], { name: text, version: text, extensions: list(text) }),
  model: object(['name', 'platform'], {
    name: text,
    versions: list(text),
    platform: text,
    inputs: list(metadataTensor),
    outputs: list(metadataTensor),
  }),
  request: object(['inputs'], {
    id: text,
    parameters,
    inputs: list(tensor),
    outputs: list(object(['name'], { name: text, parameters })),
  }),
  response: object(['model_name', 'outputs'], {
    model_name: text,
    model_version: text,
    id: text,
    parameters,
    outputs: list(tensor),
  }),
  error: object(['error'], { error: text }),
};
const model = '/v2/models/{name}/versions/{version}';
const paths: readonly [method: 'get' | 'post', path: string, answer: object | undefined][] = [
  ['get', '/v2/health/live', undefined],
  ['get', '/v2/health/ready', undefined],
  ['get', `${model}/ready`, undefined],
  ['get', '/v2', published.server],
  ['get', model, published.model],
  ['post', `${model}/infer`, published.response],
];

let service: ModelService;
let document: OpenApiDocument;
let bearer: string;
beforeAll(async () => {
  service = await startModels(oipModels);
  document = await readDocument(service);
  bearer = `Bearer ${(await service.newClient()).tokens.access_token}`;
});
afterAll(() => service.close());

const request = {
  id: '42',
  inputs: [{ name: 'x', shape: [1, 2], datatype: 'FP32', data: [1, 2] }],
  outputs: [{ name: 'y' }],
};

function mistakes(schema: object, value: unknown): unknown[] {
  const ajv = new Ajv2020({ strict: false });
  ajv.validate(schema, value);
  return ajv.errors ?? [];
}

describe('the published description of the protocol', () => {
  test.each(paths)('%s %s is documented, and answers as described', async (method, path, answer) => {
    const operation = document.paths[path]?.[method];
    expect(operation).toBeDefined();
    // With and without a trailing slash: the description has "/v2/".
    for (const slash of ['', '/']) {
      const target = path.replace('{name}', 'fp32').replace('{version}', '1') + slash;
      const asked = service.http[method](target).set('authorization', bearer);
      const { body } = await (method === 'post' ? asked.send(request) : asked).expect(200);
      if (answer !== undefined) expect(mistakes(answer, body)).toEqual([]);
    }
  });

  test('requests and errors of the description are valid under our document too', async () => {
    expect(mistakes(published.request, request)).toEqual([]);
    const documented = document.paths[`${model}/infer`]!.post!;
    const taken = documented.requestBody!.content['application/json']!.schema;
    expect(mistakes({ ...taken, components: document.components }, request)).toEqual([]);
    const { body } = await service.http.post('/v2/models/fp32/infer').set('authorization', bearer).send({}).expect(400);
    expect(mistakes(published.error, body)).toEqual([]);
    const schema = documented.responses[400]!.content!['application/json']!.schema;
    expect(mistakes({ ...schema, components: document.components }, body)).toEqual([]);
    expect(mistakes({ ...schema, components: document.components }, {})).not.toEqual([]);
  });
});
