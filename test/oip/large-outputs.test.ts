import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { WaitingRequest } from '../../mlapi/inference/batching/waiting-request.ts';
import type { Predictor } from '../../mlapi/inference/serving/predictor.ts';
import { writeBinaryData } from '../../mlapi/inference/tensors/binary-tensor.ts';
import { quoteNames } from '../../mlapi/inference/tensors/input-tensors.ts';
import { Counter } from '../../mlapi/models/traffic/counter.ts';
import { PerPeriod } from '../../mlapi/models/traffic/per-period.ts';
import { ShadowTraffic, Semaphore } from '../../mlapi/models/traffic/shadow-traffic.ts';
import { isShort } from '../../mlapi/oip/infer/infer-response.ts';
import { planLongResponse } from '../../mlapi/oip/infer/long-response.ts';
import { startModels, type ModelService } from '../support/model-folders.ts';
import { buildModel } from '../support/onnx-builder.ts';
import { sendTo, type Answered } from './send.ts';

/** Returns as many zeros as requested. */
const zeros = buildModel({
  inputs: [{ name: 'n', type: 'int64', shape: [1] }],
  nodes: [{ op: 'ConstantOfShape', inputs: ['n'], outputs: ['y'] }],
  outputs: [{ name: 'y', type: 'float32', shape: ['M'] }],
});

/** Its one feature sets the width of its output. */
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

/** Sends a request, and reads only the beginning of the response. */
async function askAndStop(count: number): Promise<Socket> {
  const socket = connect(service.port, '127.0.0.1');
  const body = question(count);
  const head = `POST /v2/models/zeros/infer HTTP/1.1\r\nhost: a\r\nauthorization: ${bearer}\r\n`;
  socket.write(`${head}content-length: ${body.length}\r\n\r\n${body}`);
  await once(socket, 'readable');
  return socket;
}

describe('large outputs', () => {
  test('422: outputs of more than 64 MiB, for any model; 200: less', async () => {
    const refused = await send(17_000_000);
    expect(refused.status).toBe(422);
    expect(refused.json()).toEqual({ error: expect.stringContaining('exceed 67108864 bytes') });
    const { status, body, headers } = await send(1_000_000);
    expect(status).toBe(200);
    expect(body).toHaveLength(4_000_000 + Number(headers.get('inference-header-content-length')));
  });

  test('422: more numbers than can be written as rows at once', async () => {
    await service.predict('wide', [[1_000_001]]).expect(422);
    expect((await service.predict('wide', [[3]]).expect(200)).body.predictions).toEqual([[0, 0, 0]]);
  });

  test('422: rows computed one by one, whose outputs total more than 64 MiB', async () => {
    const { body } = await service.predict('wide', Array(10).fill([2_000_000])).expect(422);
    expect(body.detail).toContain('exceed 67108864 bytes');
  });

  test('422: parts of a request that total more than 64 MiB; 503: if there is no memory for them', () => {
    const asked: number[] = [];
    const memory = { reserve: (bytes: number) => asked.push(bytes) };
    const input = { data: new Float32Array(3), rows: 3, width: 1 };
    const waiting = { client: '', acceptedMs: 0, waits: false, memory };
    const request = new WaitingRequest(input, waiting, jest.fn(), jest.fn());
    const part = (from: number) => ({
      from,
      rows: 1,
      output: { data: new Uint8Array(30_000_000), shape: [1, 30_000_000] },
    });
    expect(request.addPart(part(0))).toBeUndefined();
    expect(request.addPart(part(1))).toBeUndefined();
    expect(asked).toEqual([30_000_000, 60_000_000]);
    expect(() => request.addPart(part(2))).toThrow('exceed 67108864 bytes');
  });

  test('503: for a client that reads none of its large responses, until it does; other clients are served', async () => {
    const stuck = [await askAndStop(15_000_000), await askAndStop(15_000_000)];

    expect((await send(15_000_000)).status).toBe(503);
    expect((await send(1_000)).status).toBe(200);
    const other = `Bearer ${(await service.newClient()).tokens.access_token}`;
    const answer = await sendTo(service.port, 'zeros', question(15_000_000), { headers: { authorization: other } });
    expect(answer.status).toBe(200);
    for (const socket of stuck) socket.destroy();
    while ((await send(15_000_000)).status !== 200);
  }, 60_000);

  test('many short outputs are written in chunks too', async () => {
    const outputs = Array.from({ length: 20 }, (_, index) => {
      const output = { name: `y${index}`, datatype: 'FP64', data: new Float64Array(8_192), shape: [8_192] };
      return { output, isBinary: false };
    });
    expect(isShort(outputs)).toBe(false);
    const { pieces } = await planLongResponse({ model: 'm', version: '1', id: undefined, outputs });
    const texts = [...pieces].map(String);
    expect(Math.max(...texts.map(({ length }) => length))).toBeLessThan(50_000);
    expect(JSON.parse(texts.join(''))).toMatchObject({ outputs: Array(20).fill({ shape: [8_192] }) });
  });

  test('long text is split into chunks at character boundaries, in JSON and as binary data', async () => {
    const text = `a${'\u{1f600}"'.repeat(60_000)}\ud800`;
    const output = { name: 'y', datatype: 'BYTES', data: ['', text, 'é', text], shape: [4] };
    const plan = (isBinary: boolean) =>
      planLongResponse({ model: 'm', version: '1', id: undefined, outputs: [{ output, isBinary }] });
    const json = [...(await plan(false)).pieces].map(String);
    expect(Math.max(...json.map(({ length }) => length))).toBeLessThan(200_000);
    expect(JSON.parse(json.join(''))).toMatchObject({ outputs: [{ data: output.data }] });

    const { jsonBytes = 0, bytes, pieces } = await plan(true);
    const parts = [...pieces].map((piece) => Buffer.from(piece as string));
    expect(Math.max(...parts.map(({ length }) => length))).toBeLessThan(400_000);
    const whole = Buffer.concat(parts);
    expect(whole).toHaveLength(bytes!);
    expect(whole.subarray(jsonBytes)).toEqual(writeBinaryData(output.data));
  });

  test('a binary response declares the length of its JSON before the JSON is generated', async () => {
    const zeros = { datatype: 'FP32', data: new Float32Array(20_000), shape: [20_000] };
    const outputs = [
      { output: { name: 'é', ...zeros }, isBinary: false },
      { output: { name: 'b', ...zeros }, isBinary: true },
    ];
    const { jsonBytes, bytes, pieces } = await planLongResponse({ model: 'm', version: '1', id: undefined, outputs });
    const whole = Buffer.concat([...pieces].map((piece) => Buffer.from(piece as string)));
    expect(whole).toHaveLength(bytes!);
    expect(JSON.parse(whole.toString('utf8', 0, jsonBytes))).toMatchObject({ outputs: [{ name: 'é' }, { name: 'b' }] });
  });

  test('a slice of a batch’s output is copied, so a slow reader does not retain the whole batch', async () => {
    const run = new Float32Array(100_000);
    const output = { name: 'y', datatype: 'FP32', data: run.subarray(0, 20_000), shape: [20_000] };
    const { pieces } = await planLongResponse({
      model: 'm',
      version: '1',
      id: undefined,
      outputs: [{ output, isBinary: true }],
    });
    const buffers = new Set([...pieces].filter((piece) => typeof piece !== 'string').map(({ buffer }) => buffer));
    expect([...buffers].map(({ byteLength }) => byteLength)).toEqual([80_000]);
  });

  test('422: numbers that may exceed 128 MiB as JSON; the error suggests binary data', async () => {
    const { status, body } = await sendTo(
      service.port,
      'zeros',
      { inputs: [{ name: 'n', datatype: 'INT64', shape: [1], data: [16_000_000] }] },
      { headers: { authorization: bearer } },
    );
    expect(status).toBe(422);
    expect(body.toString()).toContain('binary_data_output');
  });
});

test('an error that lists names stops after twenty, and says how many more there are', () => {
  const names = (count: number) => quoteNames(Array.from({ length: count }, (_, at) => ({ name: `t${at}` })));
  expect(names(2)).toBe('"t0", "t1"');
  expect(names(4_096)).toMatch(/^"t0", .*"t19" and 4076 more$/);
});

test('outputs of more than 8 MiB are not kept for a shadow, since no client’s quota covers them', async () => {
  const find = () => Promise.reject(new Error('the shadow was asked for'));
  const counter = new Counter({ model: 'm', version: '1', role: 'shadow' });
  const shadowTraffic = new ShadowTraffic({
    primary: {} as Predictor,
    share: 1,
    find,
    counter: new PerPeriod({ periods: 0 }, () => counter),
    slots: new Semaphore(1),
  });
  const outputs = (count: number) => [{ name: 'y', datatype: 'FP32', data: new Float32Array(count), shape: [count] }];
  await shadowTraffic.infer([], { outputs: outputs(3_000_000), rows: 1 });
  await shadowTraffic.infer([], { outputs: outputs(1), rows: 1 });
  const texts = Array.from({ length: 70_000 }, () => 'a');
  await shadowTraffic.infer([], { outputs: [{ name: 'y', datatype: 'BYTES', data: texts, shape: [70_000] }], rows: 1 });
  expect(counter.total.requests).toMatchObject({ skipped: 2, failed: 1 });
});
