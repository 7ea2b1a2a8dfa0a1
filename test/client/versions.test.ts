import { createHash } from 'node:crypto';
import { createReadStream, readFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer, json as readJson } from 'node:stream/consumers';
import { Busboy, type BusboyHeaders } from '@fastify/busboy';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { Client } from '../../mlapi/client/client.ts';
import { formPayload } from '../../mlapi/client/multipart.ts';
import { FakeClock } from '../support/service.ts';
import { cut, failureOf, InstantTiming, json, madeUp, startDouble, type Double } from './double.ts';

// A double of the model store, with the documented requests and responses.

const folder = 'resources/models/nsl-kdd-classifier';
const onnx = readFileSync(join(folder, 'model.onnx'));
const sha256 = createHash('sha256').update(onnx).digest('hex');
const information = {
  name: 'm',
  version: '1',
  sha256,
  sizeBytes: onnx.length,
  createdAt: '2026-01-01T00:00:00.000Z',
};

type Handler = (request: IncomingMessage, response: ServerResponse) => unknown;
let handlers: Record<string, Handler | Handler[]> = {};
let double: Double;
let client: Client;
beforeEach(async () => {
  handlers = {};
  double = await startDouble((request, response) => {
    const found = handlers[`${request.method} ${request.url}`] ?? json(404, { code: 'not_found', detail: 'no' });
    const handle = Array.isArray(found) ? found.shift()! : found;
    return handle(request, response);
  });
  client = new Client({ url: double.url, tokens: madeUp, timing: new InstantTiming(new FakeClock()) });
});
afterEach(async () => {
  client.close();
  await double.close();
});

const upload = 'PUT /api/models/m/versions/1';
const artifact = 'GET /api/models/m/versions/1/artifact';
const created = json(201, information);
const taken = json(409, { code: 'version_exists', detail: 'taken' });
/** Reads the whole body, then closes the connection without a response. */
const lost: Handler = async (request) => {
  await buffer(request);
  request.socket.destroy();
};

describe('upload', () => {
  test('201: a folder is sent as a form of known length, with model, contract, encoding and sample', async () => {
    let form: Awaited<ReturnType<typeof readForm>> = [];
    handlers[upload] = async (request, response) => {
      form = await readForm(request);
      return created(request, response);
    };
    expect(await client.versions.uploadFolder('m', '1', folder)).toEqual(information);
    const files = { model: 'model.onnx', contract: 'model.json', encoding: 'encoding.csv', sample: 'sample.json' };
    expect(form.map(({ part, name }) => [part, name])).toEqual(Object.entries(files));
    for (const { name, bytes } of form) expect(bytes.equals(readFileSync(join(folder, name)))).toBe(true);
  });

  test('201: external data are separate parts; after a lost response, equal digests of all files mean success', async () => {
    const exported = 'test/fixtures/torch-default-export';
    const [model, data] = ['model.onnx', 'model.onnx.data'].map((name) => readFileSync(join(exported, name)));
    const digest = (bytes: Buffer | string) => createHash('sha256').update(bytes).digest('hex');
    const all = digest(`${digest(model!)}  model.onnx\n${digest(data!)}  model.onnx.data\n`);
    let form: Awaited<ReturnType<typeof readForm>> = [];
    const lostForm: Handler = async (request) => {
      form = await readForm(request);
      request.socket.destroy();
    };
    const there = { ...information, sha256: all };
    handlers = { [upload]: [lostForm, taken], 'GET /api/models/m/versions/1': json(200, there) };

    expect(await client.versions.uploadFolder('m', '1', exported)).toEqual(there);
    expect(form.map(({ part, name, bytes }) => [part, name, bytes.length])).toEqual([
      ['model', 'model.onnx', 1218],
      ['data', 'model.onnx.data', 432],
    ]);
    const wrong = { model: model!, data: { 'a"; b': data! } };
    await expect(client.versions.upload('m', '1', wrong)).rejects.toThrow(TypeError);
  });

  test('201: a model without a contract is sent as its bytes, from a file or from memory', async () => {
    const received: [type: string | undefined, isWhole: boolean][] = [];
    handlers[upload] = async (request, response) => {
      received.push([request.headers['content-type'], (await buffer(request)).equals(onnx)]);
      return created(request, response);
    };
    for (const model of [join(folder, 'model.onnx'), onnx])
      expect(await client.versions.upload('m', '1', { model })).toEqual(information);
    expect(received).toEqual([
      ['application/octet-stream', true],
      ['application/octet-stream', true],
    ]);
  });

  test('409: an existing version is an error, whatever it contains', async () => {
    handlers = { [upload]: taken, 'GET /api/models/m/versions/1': json(200, information) };
    expect(await failureOf(client.versions.uploadFolder('m', '1', folder))).toMatchObject({ status: 409 });
    expect(double.seen).toEqual([upload]);
  });

  test('409 after a lost response: success if the stored model is the same, an error if not', async () => {
    handlers = { [upload]: [lost, taken], 'GET /api/models/m/versions/1': json(200, information) };
    expect(await client.versions.uploadFolder('m', '1', folder)).toEqual(information);
    handlers = {
      [upload]: [cut, taken],
      'GET /api/models/m/versions/1': json(200, { ...information, sha256: '0'.repeat(64) }),
    };
    expect(await failureOf(client.versions.uploadFolder('m', '1', folder))).toMatchObject({ status: 409 });
  });

  test('403: a refusal of the headers stops the body from being sent', async () => {
    let bytes = 0;
    // Node's server sends "100 Continue" unless there is a listener.
    double.server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
      request.on('data', (chunk: Buffer) => (bytes += chunk.length));
      response.writeHead(403, { 'content-type': 'application/json' }).end('{"code":"insufficient_scope"}');
    });
    expect(await failureOf(client.versions.uploadFolder('m', '1', folder))).toMatchObject({ status: 403 });
    expect(bytes).toBe(0);
  });

  test('a folder without a contract is sent as its model; a form can be sent repeatedly', async () => {
    handlers[upload] = [lost, created];
    expect(await client.versions.uploadFolder('m', '1', 'test/fixtures/iris')).toEqual(information);
    const part = { name: 'model', fileName: 'model.onnx', mediaType: 'a/b', content: Buffer.from('abc') };
    const form = await formPayload([part]);
    const [first, second] = [await buffer(Readable.from(form.open())), await buffer(Readable.from(form.open()))];
    expect([first.equals(second), first.length]).toEqual([true, form.length]);
    await expect(client.versions.uploadFolder('m', '1', 'no-such-folder')).rejects.toThrow('ENOENT');
  });
});

describe('versions', () => {
  test('200: lists page by page, gets, loads and unloads; 204: retires', async () => {
    const path = '/api/models/m/versions';
    handlers = {
      [`GET ${path}?limit=1`]: json(200, { versions: [information], next: '1' }),
      [`GET ${path}?limit=1&after=1`]: json(200, { versions: [{ ...information, version: '2' }], next: null }),
      [`GET ${path}/@champion`]: json(200, information),
      [`POST ${path}/1/load`]: json(200, {}),
      [`POST ${path}/1/unload`]: (_request, response) => response.writeHead(204).end(),
      [`DELETE ${path}/1`]: (_request, response) => response.writeHead(204).end(),
    };
    const found: string[] = [];
    for await (const { version } of client.versions.list('m', { limit: 1 })) found.push(version);
    expect(found).toEqual(['1', '2']);
    expect(await client.versions.get('m', '@champion')).toEqual(information);
    await client.versions.load('m', '1');
    await client.versions.unload('m', '1');
    await client.versions.retire('m', '1');
    expect(await failureOf(client.versions.get('m', '2'))).toMatchObject({ status: 404 });
  });

  test('200: aliases are listed, set, read and deleted', async () => {
    const path = '/api/models/m/aliases';
    let set: unknown;
    handlers = {
      [`GET ${path}`]: json(200, { aliases: [{ alias: 'champion', version: '2' }] }),
      [`GET ${path}/champion`]: json(200, { version: '2' }),
      [`PUT ${path}/champion`]: async (request, response) => {
        set = await readJson(request);
        response.writeHead(204).end();
      },
      [`DELETE ${path}/champion`]: (_request, response) => response.writeHead(204).end(),
    };
    await client.aliases.set('m', 'champion', '2');
    expect(set).toEqual({ version: '2' });
    expect(await client.aliases.get('m', 'champion')).toEqual({ version: '2' });
    expect(await client.aliases.list('m')).toEqual([{ alias: 'champion', version: '2' }]);
    await client.aliases.delete('m', 'champion');
  });
});

describe('artifact', () => {
  const serve =
    (bytes: Buffer | string): Handler =>
    (_request, response) => {
      response.writeHead(200, { 'content-type': 'application/octet-stream' });
      response.end(bytes);
    };
  const fetched = async () => {
    const chunks: Buffer[] = [];
    for await (const chunk of await client.versions.artifact('m', '@champion')) chunks.push(chunk);
    return Buffer.concat(chunks);
  };

  test('200: returns the bytes of the version that the alias points to', async () => {
    handlers = { 'GET /api/models/m/versions/@champion': json(200, information), [artifact]: serve(onnx) };
    expect((await fetched()).equals(onnx)).toBe(true);
  });

  test('digest_mismatch: changed, missing or endless bytes', async () => {
    const changed = Buffer.from(onnx);
    changed[100]! ^= 1;
    const endless: Handler = (_request, response) => {
      response.writeHead(200, { 'content-type': 'application/octet-stream' });
      createReadStream('/dev/zero').pipe(response);
    };
    for (const handler of [serve(changed), serve(onnx.subarray(1)), endless]) {
      handlers = { 'GET /api/models/m/versions/@champion': json(200, information), [artifact]: handler };
      expect(await failureOf(fetched())).toMatchObject({ code: 'digest_mismatch' });
    }
  });
});

/** The files of a form whose Content-Length must be right. */
async function readForm(request: IncomingMessage): Promise<{ part: string; name: string; bytes: Buffer }[]> {
  const body = await buffer(request);
  expect(Number(request.headers['content-length'])).toBe(body.length);
  const files: Promise<{ part: string; name: string; bytes: Buffer }>[] = [];
  const parser = new Busboy({ headers: request.headers as BusboyHeaders });
  parser.on('file', (part, file, name) => files.push(buffer(file).then((bytes) => ({ part, name, bytes }))));
  const isDone = new Promise((resolve, reject) => parser.on('finish', resolve).on('error', reject));
  parser.end(body);
  await isDone;
  return Promise.all(files);
}
