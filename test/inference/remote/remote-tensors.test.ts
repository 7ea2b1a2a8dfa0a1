import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { tensorModels } from '../../oip/models.ts';
import { binary, sendTo, tensors, type Answered } from '../../oip/send.ts';
import { startModels, type ModelService } from '../../support/model-folders.ts';
import { OipServer, say } from '../../support/oip-server.ts';
import { temporaryFolder } from '../../support/service.ts';
import { allScopes, ask } from '../../support/ask.ts';
import { upload } from '../../support/uploads.ts';

const names = Object.keys(tensorModels);
/** Its model has one input of one shape, and one output with two open dimensions. */
const picture = { name: 'x', datatype: 'UINT8', shape: [-1, 2, 2] };
let server: OipServer;
let back: ModelService;
let front: ModelService;
let token: string;
beforeAll(async () => {
  server = await new OipServer().listen();
  server.metadata = { inputs: [picture], outputs: [{ name: 'y', datatype: 'FP32', shape: [-1, 2] }] };
  server.infer = answering({});
  back = await startModels(tensorModels);
  const tokens = join(temporaryFolder(), 'tokens');
  writeFileSync(tokens, `${back.url} ${(await back.newClient()).tokens.access_token}\n`, { mode: 0o600 });
  const far = names.map((name) => [name, { contract: { name, remote: { url: back.url, model: name } } }] as const);
  const scripted = { contract: { name: 'scripted', remote: { url: server.url, model: 'scripted' } } };
  front = await startModels(
    { ...Object.fromEntries(far), scripted },
    { MLAPI_REMOTE_SERVERS: `${back.url},${server.url}`, MLAPI_REMOTE_TOKENS_FILE: tokens },
  );
  token = (await front.newClient()).tokens.access_token;
}, 120_000);
afterAll(async () => {
  await front.close();
  await back.close();
  await server.close();
});

function send(model: string, body: Buffer | string | object, headers: Record<string, string> = {}): Promise<Answered> {
  return sendTo(front.port, model, body, { headers: { authorization: `Bearer ${token}`, ...headers } });
}

/** Returns one row of the output, with some fields replaced. */
function answering(output: object): OipServer['infer'] {
  return (response) =>
    say(response, { outputs: [{ name: 'y', datatype: 'FP32', shape: [1, 2], data: [1, 2], ...output }] });
}

const question = { inputs: [{ ...picture, shape: [1, 2, 2], data: [1, 2, 3, 4] }] };
const elements: Readonly<Record<string, string>> = {
  BOOL: 'true,false',
  UINT8: '0,255',
  UINT16: '0,65535',
  UINT32: '0,4294967295',
  UINT64: '9007199254740993,18446744073709551615',
  INT8: '-128,127',
  INT16: '-32768,32767',
  INT32: '-2147483648,2147483647',
  INT64: '-9223372036854775808,9007199254740993',
  FP16: '65504,-0.5',
  FP32: '-0.5,16777216',
  FP64: '0.1,5e-324',
  BYTES: '"é\\n",""',
};

describe('tensors of a model on another server', () => {
  test.each(Object.entries(elements))(
    '200: %s is returned exactly, from JSON and from bytes',
    async (datatype, list) => {
      const model = `any-${datatype.toLowerCase()}`;
      const input = `{"name":"x","datatype":"${datatype}","shape":[1,1,2],"data":[${list}]}`;

      const json = await send(model, `{"inputs":[${input}]}`);
      const bytes = await send(model, `{"inputs":[${input}],"parameters":{"binary_data_output":true}}`);
      const length = Number(bytes.headers.get('inference-header-content-length'));
      const again = binary(datatype, [1, 1, 2], bytes.body.subarray(length));
      const asBytes = await send(model, again.body, again.headers);

      for (const { status, body } of [json, asBytes]) {
        expect(status).toBe(200);
        expect(body.toString()).toContain(`{"name":"X","datatype":"${datatype}","shape":[1,1,2],"data":[${list}]}`);
      }
    },
  );

  test('200: several inputs, a scalar, and only one of two outputs', async () => {
    const text = { name: 'text', datatype: 'BYTES', shape: [2], data: ['a', 'ü'] };
    const mask = { name: 'mask', datatype: 'BOOL', shape: [1, 2], data: [true, false] };
    const two = await send('two', { inputs: [mask, text], outputs: [{ name: 'MASK' }] });
    expect(two.json()).toMatchObject({ outputs: [{ name: 'MASK', shape: [1, 2], data: [true, false] }] });
    expect((await send('scalar', tensors('FP64', [], [2.5]))).json()).toMatchObject({ outputs: [{ data: [2.5] }] });
  });

  test('200: NaN in the server’s binary data is passed on as binary data; 422 as JSON', async () => {
    const tensor = { name: 'y', datatype: 'FP32', shape: [1, 2], parameters: { binary_data_size: 8 } };
    const json = JSON.stringify({ outputs: [tensor] });
    server.infer = (response) => {
      response.writeHead(200, { 'inference-header-content-length': json.length });
      response.end(Buffer.concat([Buffer.from(json), Buffer.from(Float32Array.of(NaN, 1).buffer)]));
    };
    expect((await send('scripted', { ...question, parameters: { binary_data_output: true } })).status).toBe(200);
    expect((await send('scripted', question)).status).toBe(422);
  });

  test.each<[string, object]>([
    ['another rank', { shape: [2] }],
    ['another fixed dimension', { shape: [2, 1] }],
    ['fewer elements', { shape: [2, 2] }],
    ['another datatype', { datatype: 'FP64' }],
    ['text for numbers', { data: ['1', '2'] }],
    ['a shape of a billion elements', { shape: [1_000_000_000, 2] }],
  ])('422: a server that answers with %s', async (_what, output) => {
    server.infer = answering(output);
    const { status, json } = await send('scripted', question);
    expect([status, Object.keys(json() as object)]).toEqual([422, ['error']]);
    server.infer = answering({});
    expect((await send('scripted', question)).json()).toMatchObject({ outputs: [{ data: [1, 2] }] });
  });

  test('400 without a call: tensors that do not fit the model; 409 under /api', async () => {
    const received = server.inferences.length;
    for (const shape of [
      [1, 2],
      [1, 2, 3],
      [0, 2, 2],
    ]) {
      const data = Array<number>(shape.reduce((product, size) => product * size, 1)).fill(1);
      expect((await send('scripted', { inputs: [{ ...picture, shape, data }] })).status).toBe(400);
    }
    await front.predict('scripted', [[1]]).expect(409);
    expect(server.inferences).toHaveLength(received);
  });

  test('201: a client uploads one, and its tensors are served; 422: features for a model that takes tensors', async () => {
    server.infer = answering({});
    const uploader = (await front.newClient('ada', allScopes)).tokens.access_token;
    const remote = { url: server.url, model: 'scripted' };
    expect(await upload(front, uploader, ['mine', '1'], { contract: { name: 'mine', remote } })).toMatchObject({
      status: 201,
    });
    expect((await send('mine', question)).json()).toMatchObject({ model_name: 'mine', outputs: [{ data: [1, 2] }] });
    const features = [{ name: 'a', type: 'number' }];
    const wrong = { name: 'rows', features, output: { kind: 'values' }, remote };
    const refused = await upload(front, uploader, ['rows', '1'], { contract: wrong });
    expect([refused.status, refused.body.detail]).toEqual([422, expect.stringContaining('takes tensors, not rows')]);
    expect((await ask(front, uploader, ['GET', '/api/models/rows'])).status).toBe(404);
  });

  test('only the tensors are sent to the server, and none of the caller’s headers', async () => {
    server.infer = answering({});
    await send('scripted', question, { 'x-secret': 'of the caller' });
    const { headers, body } = server.inferences.at(-1)!;
    expect(headers).not.toHaveProperty('authorization');
    expect(headers).not.toHaveProperty('x-secret');
    expect(JSON.parse(String(body))).toEqual({ ...question, outputs: [{ name: 'y' }] });
  });
});
