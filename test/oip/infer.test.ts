import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { startModels, type ModelService } from '../support/model-folders.ts';
import { oipModels } from './models.ts';
import { sendTo, tensors, type Answered, type Sent } from './send.ts';

let service: ModelService;
let bearer: string;
beforeAll(async () => {
  service = await startModels(oipModels, { MLAPI_BODY_LIMIT_BYTES: '20000', MLAPI_MAX_ROWS: '50' });
  bearer = `Bearer ${(await service.newClient()).tokens.access_token}`;
});
afterAll(() => service.close());

/** Sent with a valid token. */
function send(model: string, body: Buffer | string | object, { headers, path }: Sent = {}): Promise<Answered> {
  const sent = { headers: { authorization: bearer, ...headers } };
  return sendTo(service.port, model, body, path === undefined ? sent : { ...sent, path });
}

describe('POST /v2/models/{name}/infer', () => {
  test('200: the response has the model, its version, the request id and all outputs', async () => {
    const { status, headers, body } = await send(
      'fp32',
      tensors(
        'FP32',
        [2, 2],
        [
          [1, 2],
          [3, 4.5],
        ],
        { id: 'é"' },
      ),
    );

    expect([status, headers.get('content-type')]).toEqual([200, 'application/json']);
    const output = '{"name":"y","datatype":"FP32","shape":[2,2],"data":[1,2,3,4.5]}';
    expect(body.toString()).toBe(`{"model_name":"fp32","model_version":"1","id":"é\\"","outputs":[${output}]}`);
  });

  test('200: integers beyond 2^53 come back exactly', async () => {
    const { body } = await send(
      'int64',
      '{"inputs":[{"name":"x","datatype":"INT64","shape":[1,2],"data":[9007199254740993,-9223372036854775808]}]}',
    );

    expect(body.toString()).toContain('"data":[9007199254740993,-9223372036854775808]');
  });

  test('200: the contract applies to rows, not to raw tensors', async () => {
    expect((await send('rows', tensors('FP32', [1, 2], [999, -1]))).status).toBe(200);
    const columns = [
      { name: 'protocol', shape: [1], datatype: 'BYTES', data: ['tcp'] },
      { name: 'size', shape: [1, 1], datatype: 'INT16', data: [-1] },
    ];
    const { status, json } = await send('rows', { inputs: columns, parameters: { rows: true } });

    expect(status).toBe(400);
    expect(json()).toEqual({
      error: expect.stringMatching(/^The rows do not match the contract.* \/0\/size: /) as unknown,
    });
  });

  test('200: rows get labels and scores, and each output of several has its own form', async () => {
    const inputs = [0, 1, 2].map((index) => {
      return {
        name: `f${index}`,
        shape: [2],
        datatype: index === 1 ? 'FP64' : 'UINT8',
        data: [index === 1 ? 1.5 : 0, index],
      };
    });
    const outputs = [
      { name: 'scores', parameters: { classification: 1 } },
      { name: 'predictions' },
      { name: 'scores2' },
    ].slice(0, 2);
    const { json } = await send('classes', { inputs, outputs, parameters: { rows: true } });

    expect(json()).toMatchObject({
      outputs: [
        { name: 'scores', datatype: 'BYTES', shape: [2, 1], data: ['1.500000:1:cat', '2.000000:2:dog'] },
        { name: 'predictions', datatype: 'BYTES', shape: [2], data: ['cat', 'dog'] },
      ],
    });
  });

  test('200: outputs can be requested as binary one by one, text and FP16 included', async () => {
    const names = ['text', 'half', 'y'];
    const outputs = names.map((name) => ({ name, parameters: { binary_data: name !== 'y' } }));
    const id = 'é😀';
    const { status, headers, body } = await send('many', tensors('FP32', [2, 1], [1, 2.5], { outputs, id }));

    expect([status, headers.get('content-type')]).toEqual([200, 'application/octet-stream']);
    const length = Number(headers.get('inference-header-content-length'));
    expect(JSON.parse(body.subarray(0, length).toString())).toMatchObject({
      id,
      outputs: [
        { name: 'text', datatype: 'BYTES', parameters: { binary_data_size: 12 } },
        { name: 'half', datatype: 'FP16', parameters: { binary_data_size: 4 } },
        { name: 'y', data: [1, 2.5] },
      ],
    });
    expect([...body.subarray(length)]).toEqual([1, 0, 0, 0, 49, 3, 0, 0, 0, 50, 46, 53, 0, 0x3c, 0, 0x41]);
  });

  test('422: NaN has no JSON; as binary data it is returned', async () => {
    const ask = (isBinary: boolean) =>
      send(
        'many',
        tensors('FP32', [1, 1], [-1], { outputs: [{ name: 'log', parameters: { binary_data: isBinary } }] }),
      );

    const json = await ask(false);
    expect([json.status, json.json()]).toEqual([422, { error: expect.stringContaining('NaN or infinity') as unknown }]);
    const { status, headers, body } = await ask(true);
    const at = Number(headers.get('inference-header-content-length'));
    expect([status, body.readFloatLE(at)]).toEqual([200, NaN]);
  });

  test('200: FP16 is written as numbers in JSON; 422 if JSON has no such number', async () => {
    const half = (values: number[]) =>
      send('many', tensors('FP32', [values.length, 1], values, { outputs: [{ name: 'half' }] }));

    expect((await half([0.1, -2])).json()).toMatchObject({
      outputs: [{ datatype: 'FP16', data: [0.0999755859375, -2] }],
    });
    const infinite = await half([1e6]);
    expect([infinite.status, infinite.json()]).toEqual([
      422,
      { error: expect.stringContaining('NaN or infinity') as unknown },
    ]);
  });

  test('200: a large response is sent in chunks, and complete', async () => {
    const large = await startModels({ wide: oipModels.fp32! }, { MLAPI_BODY_LIMIT_BYTES: '3000000' });
    try {
      const data = Array.from({ length: 20_000 }, (_, index) => index + 0.125);
      const token = `Bearer ${(await large.newClient()).tokens.access_token}`;
      const { body, headers } = await large.http
        .post('/v2/models/fp32/infer')
        .set('authorization', token)
        .set('accept-encoding', 'identity')
        .send(tensors('FP32', [10_000, 2], data))
        .expect(200);
      expect(headers['transfer-encoding']).toBe('chunked');
      expect((body as { outputs: [{ data: unknown }] }).outputs[0].data).toEqual(data);
    } finally {
      await large.close();
    }
  });
});

test('200: the sample request in files/ works', async () => {
  const shipped = await startModels('resources/models');
  try {
    const token = `Bearer ${(await shipped.newClient()).tokens.access_token}`;
    const { body } = await shipped.http
      .post('/v2/models/nsl-kdd-classifier/infer/')
      .set('authorization', token)
      .set('content-type', 'application/json')
      .send(readFileSync('files/requests/tensors.json', 'utf8'))
      .expect(200);
    const outputs = [
      { name: 'label', datatype: 'INT64', shape: [2] },
      { name: 'probabilities', datatype: 'BYTES', shape: [2, 2] },
    ];
    expect(body).toMatchObject({ model_name: 'nsl-kdd-classifier', outputs });
  } finally {
    await shipped.close();
  }
});
