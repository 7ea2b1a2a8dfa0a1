import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { startModels, type ModelService } from '../support/model-folders.ts';
import { echoModel, rangeModel, rangeRequest, tensorModels } from './models.ts';
import { binary, sendTo, tensors, type Answered, type Sent } from './send.ts';

let service: ModelService;
let bearer: string;
beforeAll(async () => {
  const port = { name: 'x', type: 'float32', shape: ['N', 2, 2] } as const;
  service = await startModels({
    ...tensorModels,
    // Without a contract, and in their own processes, since a request may be larger than the warm-up's.
    free: { onnx: echoModel([port]) },
    range: {
      onnx: rangeModel,
      contract: { name: 'range', executor: 'inline', sample: 'sample.json' },
      sample: rangeRequest(1),
    },
  });
  bearer = `Bearer ${(await service.newClient()).tokens.access_token}`;
});
afterAll(() => service.close());

function send(model: string, body: Buffer | string | object, { headers }: Sent = {}): Promise<Answered> {
  return sendTo(service.port, model, body, { headers: { authorization: bearer, ...headers } });
}

/** Four elements of each datatype as JSON text, at the limits of its range. */
const elements: Readonly<Record<string, readonly string[]>> = {
  BOOL: ['true', 'false', 'false', 'true'],
  UINT8: ['0', '255', '1', '2'],
  UINT16: ['0', '65535', '1', '2'],
  UINT32: ['0', '4294967295', '1', '2'],
  UINT64: ['0', '18446744073709551615', '9007199254740993', '2'],
  INT8: ['-128', '127', '1', '2'],
  INT16: ['-32768', '32767', '1', '2'],
  INT32: ['-2147483648', '2147483647', '1', '2'],
  INT64: ['-9223372036854775808', '9223372036854775807', '9007199254740993', '2'],
  FP16: ['65504', '-0.5', '5.960464477539063e-8', '0.0999755859375'],
  FP32: ['-0.5', '0', '16777216', '2'],
  FP64: ['-1e+300', '0.1', '5e-324', '2'],
  BYTES: ['"a"', '""', '"é\\n"', '"\\"x\\""'],
};

describe('a model of arbitrary tensors', () => {
  test.each(Object.entries(elements))(
    '200: %s is returned exactly, as flat and nested JSON and as bytes',
    async (datatype, list) => {
      const model = `any-${datatype.toLowerCase()}`;
      const ask = (data: string, more = '') =>
        send(model, `{"inputs":[{"name":"x","datatype":"${datatype}","shape":[2,1,2],"data":${data}}]${more}}`);
      const [a, b, c, d] = list;

      const flat = await ask(`[${list.join(',')}]`);
      const nested = await ask(`[[[${a},${b}]],[[${c},${d}]]]`);
      const asBytes = await ask(`[${list.join(',')}]`, ',"parameters":{"binary_data_output":true}');
      const length = Number(asBytes.headers.get('inference-header-content-length'));
      const sent = binary(datatype, [2, 1, 2], asBytes.body.subarray(length));
      const back = await send(model, sent.body, sent);

      const expected = `"outputs":[{"name":"X","datatype":"${datatype}","shape":[2,1,2],"data":[${list.join(',')}]}]`;
      for (const { status, body } of [flat, nested, back]) {
        expect(status).toBe(200);
        expect(body.toString()).toContain(expected);
      }
    },
  );

  test.each<[string, string, number[], unknown[]]>([
    ['scalar', 'FP64', [], [2.5]],
    ['vector', 'UINT64', [3], [1, 2, 3]],
    ['image', 'UINT8', [1, 1, 2, 3], [1, 2, 3, 4, 5, 6]],
    ['words', 'INT64', [2, 2], [1, 2, 3, 4]],
    ['free', 'FP32', [1, 2, 2], [1, 2, 3, 4]],
    ['free', 'FP32', [2, 2, 2], [1, 2, 3, 4, 5, 6, 7, 8]],
  ])('200: %s %s of the shape %j', async (model, datatype, shape, data) => {
    const { json } = await send(model, tensors(datatype, shape, data));

    expect(json()).toMatchObject({ model_name: model, outputs: [{ name: 'X', datatype, shape, data }] });
  });

  test('200: several inputs in any order, and only the requested outputs', async () => {
    const text = { name: 'text', datatype: 'BYTES', shape: [3], data: ['a', 'b', 'c'] };
    const mask = { name: 'mask', datatype: 'BOOL', shape: [1, 2], data: [true, false] };

    const both = await send('two', { id: 'é', inputs: [mask, text] });
    const one = await send('two', { inputs: [text, mask], outputs: [{ name: 'MASK' }] });

    expect(both.json()).toMatchObject({
      id: 'é',
      outputs: [
        { name: 'TEXT', data: text.data },
        { name: 'MASK', data: mask.data },
      ],
    });
    expect(one.json()).toMatchObject({ outputs: [{ ...mask, name: 'MASK' }] });
  });

  test('200: concurrent requests each get their own response', async () => {
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, index) => send('free', tensors('FP32', [1, 2, 2], [index, 1, 2, 3]))),
    );

    const data = answers.map(({ json }) => (json() as { outputs: [{ data: number[] }] }).outputs[0].data[0]);
    expect(data).toEqual(Array.from({ length: 20 }, (_, index) => index));
  });

  test('200: a model that cannot compute zeros is warmed up with its sample; 422 for inputs on which it fails', async () => {
    expect((await send('range', rangeRequest(2))).json()).toMatchObject({ outputs: [{ shape: [2], data: [0, 2] }] });
    expect((await send('range', rangeRequest(0))).status).toBe(422);
  });

  const ok = tensors('FP32', [1, 2, 2], [1, 2, 3, 4]);
  const mask = { name: 'mask', datatype: 'BOOL', shape: [1, 2], data: [true, false] };
  test.each<[string, string, object, string]>([
    ['another datatype', 'any-fp32', tensors('FP64', [1, 1, 2], [1, 2]), 'The input \\"x\\" must be FP32'],
    ['another rank', 'any-fp32', tensors('FP32', [1, 2], [1, 2]), 'the shape [-1, 1, 2]'],
    ['another fixed dimension', 'any-fp32', ok, 'the shape [-1, 1, 2]'],
    ['no elements', 'any-fp32', tensors('FP32', [0, 1, 2], []), 'the shape [-1, 1, 2]'],
    ['a scalar with a dimension', 'scalar', tensors('FP64', [1], [1]), 'the shape []'],
    ['fewer elements', 'free', tensors('FP32', [2, 2, 2], [1, 2, 3, 4]), 'the shape has 8 elements'],
    ['a missing input', 'two', { inputs: [mask] }, 'Send each input of this model once: \\"text\\", \\"mask\\"'],
    [
      'one input too many',
      'two',
      { inputs: [mask, { ...mask, name: 'text' }, { ...mask, name: 'z' }] },
      'Send each input of this model once: \\"text\\", \\"mask\\"',
    ],
    ['an unknown output', 'free', { ...ok, outputs: [{ name: 'x' }] }, 'the outputs of this model are \\"X\\"'],
    ['text that the runtime would cut', 'any-bytes', tensors('BYTES', [1, 1, 2], ['a', 'b\0c']), 'a NUL character'],
    ['a boolean as a number', 'any-bool', tensors('BOOL', [1, 1, 2], [1, 0]), 'true or false'],
  ])('400: %s', async (_, model, body, message) => {
    const { status, body: answer } = await send(model, body);

    expect(status).toBe(400);
    expect(answer.toString()).toContain(message);
  });

  test('409: it has no rows, on any row route', async () => {
    const rows = await service.predict('free', [[1, 2]]);
    const column = { name: 'x', datatype: 'FP32', shape: [1], data: [1] };
    const asRows = await send('free', { inputs: [column], parameters: { rows: true } });

    expect([rows.status, (rows.body as { code: string }).code]).toEqual([409, 'takes_tensors']);
    expect([asRows.status, asRows.json()]).toEqual([409, { error: expect.stringContaining('/v2') as unknown }]);
  });

  test('200: its metadata has tensors, no features and an empty sample', async () => {
    const { body } = await service.information('two').expect(200);

    expect(body).toMatchObject({
      inputs: [
        { name: 'text', datatype: 'BYTES', shape: [-1] },
        { name: 'mask', datatype: 'BOOL', shape: [-1, 2] },
      ],
      features: [],
      sample: {},
    });
    expect(body).not.toHaveProperty('sampleRequest');
  });

  test('200: the documents of a service with only such a model have a sample request that works', async () => {
    const { body: document } = await service.http.get('/api/openapi.json').expect(200);
    const { paths } = document as {
      paths: Record<
        string,
        { post: { requestBody: { content: Record<string, { examples: { zeros: { value: object } } }> } } }
      >;
    };
    const { examples } = paths['/v2/models/{name}/infer']!.post.requestBody.content['application/json']!;

    await service.http.get('/api/docs').expect(200);
    const { status } = await send('any-bool', examples.zeros.value);
    expect(status).toBe(200);
  });
});
