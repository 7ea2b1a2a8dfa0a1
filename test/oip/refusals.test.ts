import { gunzipSync, deflateSync, gzipSync, inflateSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { startModels, type ModelService } from '../support/model-folders.ts';
import { exchange } from '../support/raw-http.ts';
import { oipModels } from './models.ts';
import { binary, sendTo, tensors, type Answered, type Sent } from './send.ts';

let service: ModelService;
let bearer: string;
let reader: string;
beforeAll(async () => {
  service = await startModels(oipModels, { MLAPI_BODY_LIMIT_BYTES: '20000', MLAPI_MAX_ROWS: '50' });
  bearer = `Bearer ${(await service.newClient()).tokens.access_token}`;
  reader = `Bearer ${(await service.newClient(undefined, ['models:read'])).tokens.access_token}`;
});
afterAll(() => service.close());

/** Sent with a valid token. */
function send(model: string, body: Buffer | string | object, { headers, path }: Sent = {}): Promise<Answered> {
  const sent = { headers: { authorization: bearer, ...headers } };
  return sendTo(service.port, model, body, path === undefined ? sent : { ...sent, path });
}

const tensorsOf = (digits: string) => `{"inputs":[{"name":"x","datatype":"INT64","shape":[1,2],"data":[${digits},1]}]}`;

describe('a refused inference', () => {
  const one = tensors('FP32', [1, 2], [1, 2]);
  const bytes = Buffer.from(Float32Array.of(1, 2).buffer);
  test.each<[number, string, () => Promise<Answered>]>([
    [400, 'another shape', () => send('fp32', tensors('FP32', [1, 3], [1, 2, 3]))],
    [400, 'a shape of a billion rows', () => send('fp32', tensors('FP32', [1e9, 2], []))],
    [400, 'no rows', () => send('fp32', tensors('FP32', [0, 2], []))],
    [400, 'another datatype', () => send('fp32', tensors('FP64', [1, 2], [1, 2]))],
    [400, 'whole numbers as text', () => send('int64', tensors('INT64', [1, 2], ['1', '2']))],
    [400, 'infinity', () => send('fp32', '{"inputs":[{"name":"x","datatype":"FP32","shape":[1,2],"data":[1e999,0]}]}')],
    [
      400,
      'an unknown input',
      () => send('fp32', { inputs: [{ name: 'z', datatype: 'FP32', shape: [1, 2], data: [1, 2] }] }),
    ],
    [400, 'an unknown output', () => send('fp32', tensors('FP32', [1, 2], [1, 2], { outputs: [{ name: 'z' }] }))],
    [400, 'no JSON', () => send('fp32', '{"inputs":')],
    [400, 'no body', () => send('fp32', '')],
    [400, 'fewer bytes than it says', () => send('fp32', ...pair(binary('FP32', [1, 2], bytes.subarray(0, 7))))],
    [
      400,
      'a header length beyond the body',
      () => send('fp32', one, { headers: { 'inference-header-content-length': '99999' } }),
    ],
    [400, 'a query', () => send('fp32', one, { path: '/v2/models/fp32/infer?a=1' })],
    [
      400,
      'a classification of text',
      () =>
        send('many', tensors('FP32', [1, 1], [1], { outputs: [{ name: 'text', parameters: { classification: 1 } }] })),
    ],
    [401, 'no token', () => send('fp32', one, { headers: { authorization: '' } })],
    [403, 'a token without the scope', () => send('fp32', one, { headers: { authorization: reader } })],
    [404, 'an unknown model', () => send('none', one)],
    [404, 'an unknown version', () => send('', one, { path: '/v2/models/fp32/versions/2/infer' })],
    [404, 'an unknown path', () => send('', one, { path: '/v2/nothing' })],
    [405, 'another method', () => send('', one, { path: '/v2/models/fp32' })],
    [409, 'to unload what came with the service', () => send('', '', { path: '/v2/repository/models/fp32/unload' })],
    [413, 'too many rows', () => send('fp32', tensors('FP32', [51, 2], Array(102).fill(0)))],
    [
      413,
      'too many rows of the contract, whatever is in them',
      () =>
        send(
          'rows',
          `{"parameters":{"rows":true},"inputs":[{"name":"size","datatype":"INT64","shape":[51],"data":[${'9007199254740993,'.repeat(50)}1]}]}`,
        ),
    ],
    [
      400,
      'a datatype that is an object',
      () => send('fp32', { inputs: [{ name: 'x', shape: [1], datatype: { toString: 1, valueOf: 1 }, data: [1] }] }),
    ],
    [400, 'a whole number of very many digits', () => send('int64', tensorsOf('9'.repeat(9_000)))],
    [413, 'too many bytes', () => send('fp32', ' '.repeat(20_001))],
    [
      413,
      'a bomb',
      () => send('fp32', gzipSync(Buffer.alloc(10_000_000, ' ')), { headers: { 'content-encoding': 'gzip' } }),
    ],
    [
      413,
      'a bomb in zlib',
      () => send('fp32', deflateSync(Buffer.alloc(20_001, ' ')), { headers: { 'content-encoding': 'deflate' } }),
    ],
    [400, 'broken gzip', () => send('fp32', Buffer.from('not gzip'), { headers: { 'content-encoding': 'gzip' } })],
    [
      400,
      'gzip that ends too early',
      () => send('fp32', gzipSync(JSON.stringify(one)).subarray(0, 40), { headers: { 'content-encoding': 'gzip' } }),
    ],
    [415, 'another encoding', () => send('fp32', one, { headers: { 'content-encoding': 'br' } })],
    [415, 'encodings in one another', () => send('fp32', one, { headers: { 'content-encoding': 'gzip, gzip' } })],
    [415, 'another media type', () => send('fp32', one, { headers: { 'content-type': 'text/plain' } })],
  ])('%i: %s; the error has the shape of the protocol', async (expected, _, ask) => {
    const { status, headers, json } = await ask();

    expect([status, json()]).toEqual([expected, { error: expect.stringMatching(/./) as unknown }]);
    expect(headers.get('content-type')).toBe('application/json');
    expect(headers.get('x-request-id')).not.toBeNull();
  });

  test('200: inference still works after all of those, binary and compressed both ways', async () => {
    const { body, headers } = binary('FP32', [1, 2], bytes, { parameters: { binary_data_output: true } });
    const encodings = [
      ['gzip', gzipSync, gunzipSync],
      ['deflate', deflateSync, inflateSync],
    ] as const;
    for (const [name, pack, unpack] of encodings) {
      const sent = { ...headers, 'content-encoding': name, 'accept-encoding': `br, ${name}, x;q=0` };
      const answer = await send('fp32', pack(body), { headers: sent });
      expect([answer.status, answer.headers.get('content-encoding')]).toEqual([200, name]);
      const at = Number(answer.headers.get('inference-header-content-length'));
      expect(unpack(answer.body).subarray(at)).toEqual(bytes);
    }
    const plain = await send('fp32', body, { headers: { ...headers, 'accept-encoding': 'gzip;q=0, br' } });
    expect(plain.headers.get('content-encoding')).toBeNull();
  });

  test('429: the limit is per client, with Retry-After', async () => {
    const limited = await startModels({ fp32: oipModels.fp32! }, { MLAPI_RATE_LIMIT_PER_MINUTE: '1' });
    try {
      const token = `Bearer ${(await limited.newClient()).tokens.access_token}`;
      const ask = () => limited.http.get('/v2/models/fp32').set('authorization', token);
      await ask().expect(200);
      const { body, headers } = await ask().expect(429);
      expect([body, headers['retry-after']]).toEqual([{ error: expect.any(String) as unknown }, expect.any(String)]);
    } finally {
      await limited.close();
    }
  });

  test('400: invalid HTTP gets an error in the shape of the protocol', async () => {
    const { answers } = await exchange(service.port, 'GET /v2//models HTTP/1.1\r\nHost: a\r\n\r\n', { answers: 1 });

    expect(answers[0]).toMatchObject({ status: 400, body: expect.stringMatching(/^\{"error":"[^"]+"\}$/) });
  });
});

function pair({ body, headers }: ReturnType<typeof binary>): [Buffer, Sent] {
  return [body, { headers }];
}
