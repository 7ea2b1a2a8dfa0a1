import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { writeInferResponse } from '../../mlapi/oip/infer-response.ts';
import { startModels, type ModelService } from '../support/model-folders.ts';
import { buildModel } from '../support/onnx-builder.ts';
import { sendTo, type Answered } from './send.ts';

/** Answers as many zeros as it is told. */
const zeros = buildModel({
  inputs: [{ name: 'n', type: 'int64', shape: [1] }],
  nodes: [{ op: 'ConstantOfShape', inputs: ['n'], outputs: ['y'] }],
  outputs: [{ name: 'y', type: 'float32', shape: ['M'] }],
});
/** Its one feature says how wide its values are. */
const wide = buildModel({
  inputs: [{ name: 'x', type: 'int64', shape: [1, 1] }],
  nodes: [
    {
      op: 'Constant',
      inputs: [],
      outputs: ['flat'],
      attributes: { value: { type: 'int64', shape: [1], values: [-1n] } },
    },
    {
      op: 'Constant',
      inputs: [],
      outputs: ['one'],
      attributes: { value: { type: 'int64', shape: [1], values: [1n] } },
    },
    { op: 'Reshape', inputs: ['x', 'flat'], outputs: ['n'] },
    { op: 'Concat', inputs: ['one', 'n'], outputs: ['shape'], attributes: { axis: 0 } },
    { op: 'ConstantOfShape', inputs: ['shape'], outputs: ['y'] },
  ],
  outputs: [{ name: 'y', type: 'float32', shape: [1, 'W'] }],
});

let service: ModelService;
let bearer: string;
beforeAll(async () => {
  const sample = { inputs: [{ name: 'n', datatype: 'INT64', shape: [1], data: [1] }] };
  const values = { features: [{ name: 'width', type: 'integer', min: 1, max: 2_000_000 }], output: { kind: 'values' } };
  service = await startModels({
    zeros: { onnx: zeros, contract: { name: 'zeros', executor: 'inline', sample: 'sample.json' }, sample },
    wide: {
      onnx: wide,
      contract: { name: 'wide', ...values, executor: 'inline', sample: 'sample.json' },
      sample: { width: 1 },
    },
  });
  bearer = `Bearer ${(await service.newClient()).tokens.access_token}`;
});
afterAll(() => service.close());

const question = (count: number) =>
  JSON.stringify({
    inputs: [{ name: 'n', datatype: 'INT64', shape: [1], data: [count] }],
    parameters: { binary_data_output: true },
  });
const send = (count: number): Promise<Answered> =>
  sendTo(service.port, 'zeros', question(count), { headers: { authorization: bearer } });

/** Asks, and reads no more of the answer than that it has begun. */
async function askAndStop(count: number): Promise<Socket> {
  const socket = connect(service.port, '127.0.0.1');
  const body = question(count);
  const head = `POST /v2/models/zeros/infer HTTP/1.1\r\nhost: a\r\nauthorization: ${bearer}\r\n`;
  socket.write(`${head}content-length: ${body.length}\r\n\r\n${body}`);
  await once(socket, 'readable');
  return socket;
}

describe('what models answer', () => {
  test('422: outputs of more than 64 MiB, whoever made the model; 200: less', async () => {
    const refused = await send(17_000_000);
    expect(refused.status).toBe(422);
    expect(refused.json()).toEqual({ error: expect.stringContaining('larger than 67108864 bytes') });
    const { status, body, headers } = await send(1_000_000);
    expect(status).toBe(200);
    expect(body).toHaveLength(4_000_000 + Number(headers.get('inference-header-content-length')));
  });

  test('422: more numbers than can be written as rows at once', async () => {
    await service.predict('wide', [[1_000_001]]).expect(422);
    expect((await service.predict('wide', [[3]]).expect(200)).body.predictions).toEqual([[0, 0, 0]]);
  });

  test('503: a client that asks for much and reads none of it; others are served, and so is it, once that is over', async () => {
    const stuck = [await askAndStop(15_000_000), await askAndStop(15_000_000)];

    expect((await send(15_000_000)).status).toBe(503);
    expect((await send(1_000)).status).toBe(200);
    const other = `Bearer ${(await service.newClient()).tokens.access_token}`;
    const answer = await sendTo(service.port, 'zeros', question(15_000_000), { headers: { authorization: other } });
    expect(answer.status).toBe(200);
    for (const socket of stuck) socket.destroy();
    while ((await send(15_000_000)).status !== 200);
  }, 60_000);

  test('many outputs, each of them short, are written piece by piece, too', () => {
    const outputs = Array.from({ length: 20 }, (_, index) => {
      const output = { name: `y${index}`, datatype: 'FP64', data: new Float64Array(8_192), shape: [8_192] };
      return { output, isBinary: false };
    });
    const { json, heldBytes } = writeInferResponse({ model: 'm', version: '1', id: undefined, outputs });
    const pieces = typeof json === 'string' ? [json] : [...json];
    expect(Math.max(...pieces.map(({ length }) => length))).toBeLessThan(50_000);
    expect(JSON.parse(pieces.join(''))).toMatchObject({ outputs: Array(20).fill({ shape: [8_192] }) });
    expect(heldBytes).toBe(20 * 65_536);
  });
});
