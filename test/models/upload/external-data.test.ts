import { execFileSync } from 'node:child_process';
import { cpSync, linkSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Client } from '../../../mlapi/client/client.ts';
import { receiveFolder } from '../../../mlapi/models/upload/folder-import.ts';
import { mlapi } from '../../support/child.ts';
import { externalModel, otherWeights, sha256Of, weights } from '../../support/external-data.ts';
import { identityModel } from '../../support/onnx-builder.ts';
import { startService, temporaryFolder, type TestService } from '../../support/service.ts';
import { allScopes, ask } from '../../support/ask.ts';
import { upload } from '../../support/uploads.ts';

const name = 'model.onnx.data';
const model = externalModel();
const lines = (data: Buffer) => `${sha256Of(model)}  model.onnx\n${sha256Of(data)}  ${name}\n`;
let service: TestService;
let token: string;
beforeAll(async () => {
  service = await startService({ MLAPI_CLIENT_MODELS_BYTES: '2000' });
  token = (await service.newClient('ada', allScopes)).tokens.access_token;
});
afterAll(() => service.close());

const get = (path: string) => ask(service, token, ['GET', path]);
const newToken = async () => (await service.newClient(undefined, allScopes)).tokens.access_token;
const folders = (which: 'incoming' | 'versions') => readdirSync(join(service.dataDir, 'models', which));

describe('a form with a part "data"', () => {
  test('201, then predictions with the data: version, digest and size cover all files', async () => {
    const answer = await upload(service, token, ['linear', '1'], { model, data: { [name]: weights } });

    expect(answer).toMatchObject({
      status: 201,
      body: { sha256: sha256Of(lines(weights)), sizeBytes: model.length + weights.length },
    });
    const predicted = await ask(service, token, ['POST', '/v2/models/linear/infer'], {
      json: { inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 2], data: [1, 1] }] },
    });
    expect(predicted.body.outputs).toMatchObject([{ data: [4, 6] }]);
    const rows = await ask(service, token, ['POST', '/api/models/linear/predict'], { json: [[1, 1]] });
    expect(rows.headers.get('x-model-sha256')).toBe(sha256Of(lines(weights)));
  });

  test('200: the version lists its files, and each can be downloaded', async () => {
    const files = [
      { name: 'model.onnx', sha256: sha256Of(model), sizeBytes: model.length },
      { name, sha256: sha256Of(weights), sizeBytes: weights.length },
    ];
    for (const path of ['/api/models/linear', '/api/models/linear/versions/1'])
      expect((await get(path)).body.files).toEqual(files);
    const artifact = `${service.url}/api/models/linear/versions/1/artifact`;
    for (const [query, content, savedAs] of [
      ['', model, 'linear-1.onnx'],
      ['?file=model.onnx', model, 'linear-1.onnx'],
      [`?file=${name}`, weights, name],
    ] as const) {
      const answer = await fetch(`${artifact}${query}`, { headers: { authorization: `Bearer ${token}` } });
      expect(Buffer.from(await answer.arrayBuffer()).equals(content)).toBe(true);
      expect(answer.headers.get('etag')).toBe(`"${sha256Of(content)}"`);
      expect(answer.headers.get('content-disposition')).toBe(`attachment; filename="${savedAs}"`);
    }
    for (const [file, status] of [
      ['model.json', 404],
      ['other.bin', 404],
      ['..%2Fmodel.onnx', 400],
      ['', 400],
    ] as const)
      expect([file, (await get(`/api/models/linear/versions/1/artifact?file=${file}`)).status]).toEqual([file, status]);
  });

  test('201: different data make a different digest', async () => {
    const answer = await upload(service, token, ['linear', '2'], { model, data: { [name]: otherWeights } });

    expect(answer).toMatchObject({ status: 201, body: { sha256: sha256Of(lines(otherWeights)) } });
  });

  test('403: the quota counts external data too', async () => {
    const data = { [name]: Buffer.concat([weights, Buffer.alloc(2_000)]) };

    expect(await upload(service, await newToken(), ['large', '1'], { model, data })).toMatchObject({
      status: 403,
      body: { code: 'quota_exceeded' },
    });
  });

  test('204: retiring deletes the external data', async () => {
    const before = folders('versions').length;

    expect((await ask(service, token, ['DELETE', '/api/models/linear/versions/2'])).status).toBe(204);
    expect(folders('versions').length).toBe(before - 1);
    expect(folders('incoming')).toEqual([]);
  });

  test('the client library uploads a folder with external data, and downloads each file again', async () => {
    const { tokens } = await service.newClient('library', allScopes);
    const client = new Client({ url: service.url, tokens, onTokens: () => undefined });
    const folder = 'test/fixtures/torch-default-export';
    const made = await client.versions.uploadFolder('torch', '1', folder);
    for (const file of ['model.onnx', name]) {
      const content = await buffer(Readable.from(await client.versions.artifact('torch', '1', { file })));
      expect(content.equals(readFileSync(join(folder, file)))).toBe(true);
    }
    expect(made.sizeBytes).toBe(1218 + 432);
    client.close();
  });
});

describe('422 external_data, with instructions', () => {
  test('an ONNX file without its data', async () => {
    const answer = await upload(service, token, ['alone', '1'], { model });

    expect(answer).toMatchObject({ status: 422, body: { code: 'external_data' } });
    expect(answer.body.detail).toBe(
      'A tensor has external data: send a form with the model as part "model" and that file as part "data", or save the weights inside the model file.',
    );
  });

  test.each<[string, Parameters<typeof upload>[3], RegExp]>([
    [
      'a form without the part',
      { model, contract: { name: 'm' } },
      /refers to the file "model\.onnx\.data", which is missing: send it under that name as a part "data"/,
    ],
    ['under another name', { model, data: { 'other.data': weights } }, /"model\.onnx\.data", which is missing/],
    ['cut off', { model, data: { [name]: weights.subarray(1) } }, /has 15 bytes, but the model reads up to byte 16/],
    [
      'one too many',
      { model, data: { [name]: weights, 'b.bin': weights } },
      /does not refer to the file "b\.bin": remove the part/,
    ],
    [
      'for a model that needs none',
      { model: identityModel(1), data: { [name]: weights } },
      /does not refer to the file "model\.onnx\.data"/,
    ],
  ])('%s', async (_, files, detail) => {
    const answer = await upload(service, token, ['wrong', '1'], files);

    expect(answer).toMatchObject({ status: 422, body: { code: 'external_data' } });
    expect(answer.body.detail).toMatch(detail);
    expect(folders('incoming')).toEqual([]);
  });
});

describe('folders with external data on the command line', () => {
  const received = async (files: Readonly<Record<string, Buffer>>, place?: (folder: string) => void) => {
    const [from, into] = [temporaryFolder(), temporaryFolder()];
    for (const [file, content] of Object.entries(files)) writeFileSync(join(from, file), content);
    place?.(from);
    return receiveFolder(from, into);
  };

  test('models add and models check accept them by a relative path, in this process and in another', async () => {
    const cwd = temporaryFolder();
    cpSync('test/fixtures/torch-default-export', join(cwd, 'exported'), { recursive: true });
    // Another file of that name, in the working directory of the commands.
    writeFileSync(join(cwd, name), Buffer.alloc(432));
    const command = (...words: string[]) => mlapi(service.dataDir, ['models', ...words], { cwd });

    const added = await command('add', 'exported', '--name', 'added', '--version', '1');

    const { sha256, files } = (await get('/api/models/added')).body as { sha256: string; files: object[] };
    expect(added).toMatchObject({ code: 0, stdout: `added\t1\t${sha256}\n` });
    expect(files).toMatchObject([
      { name: 'model.onnx' },
      { name, sha256: sha256Of(readFileSync(join(cwd, 'exported', name))) },
    ]);
    for (const executor of ['inline', 'child']) {
      writeFileSync(join(cwd, 'exported/model.json'), JSON.stringify({ name: 'torch', executor }));
      expect(await command('check', 'exported')).toMatchObject({ code: 0 });
    }
  }, 120_000);

  test('422: missing files, and every kind of link', async () => {
    const onnx = { 'model.onnx': model };
    const outside = join(temporaryFolder(), 'outside.bin');
    writeFileSync(outside, weights);
    const link = /"model\.onnx\.data" is a link or not a regular file: put the file itself beside model\.onnx/;

    await expect(received(onnx)).rejects.toThrow(/"model\.onnx\.data", which is missing/);
    await expect(received(onnx, (from) => symlinkSync(outside, join(from, name)))).rejects.toThrow(link);
    await expect(received(onnx, (from) => linkSync(outside, join(from, name)))).rejects.toThrow(link);
    await expect(received(onnx, (from) => execFileSync('mkfifo', [join(from, name)]))).rejects.toThrow(link);
    expect((await received({ ...onnx, [name]: weights })).files.map((file) => file.name)).toEqual(['model.onnx', name]);
  });
});
