import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { mlapi } from '../../support/child.ts';
import { echo, echoContract, OipServer, say } from '../../support/oip-server.ts';
import { identityModel } from '../../support/onnx-builder.ts';
import { startService, temporaryFolder, type TestService } from '../../support/service.ts';
import { allScopes, ask } from '../../support/ask.ts';
import { upload } from '../../support/uploads.ts';

let server: OipServer;
let service: TestService;
let token: string;
beforeAll(async () => {
  server = await new OipServer().listen();
  service = await startService({ MLAPI_REMOTE_SERVERS: `https://elsewhere.example,${server.url}` });
  token = (await service.newClient('ada', allScopes)).tokens.access_token;
});
afterAll(async () => {
  await service.close();
  await server.close();
});
beforeEach(() => {
  server.infer = echo;
});

const features = [
  { name: 'a', type: 'number' },
  { name: 'size', type: 'category' },
  { name: 'c', type: 'number' },
];
const encoding = 'column,name,category,encoding\n1,size,small,1\n1,size,large,9\n';
const contract = () => echoContract(server.url, { features, encoding: 'encoding.csv' });
const predict = (name: string, json: unknown) => ask(service, token, ['POST', `/api/models/${name}/predict`], { json });

describe('a version on another server', () => {
  test('201 without a model: checked, encoded, served, unloaded, loaded and retired like any other', async () => {
    const made = await upload(service, token, ['far', '1'], { contract: contract(), encoding });

    expect([made.status, made.body]).toEqual([
      201,
      expect.objectContaining({ name: 'far', version: '1', sizeBytes: 0 }),
    ]);
    const { sha256 } = made.body;
    expect(sha256).toMatch(/^[0-9a-f]{64}$/);
    const predicted = await predict('far', [{ a: 2, size: 'large', c: 3 }]);
    expect(predicted.body).toEqual({ model: 'far', version: '1', sha256, predictions: ['second'] });
    expect(predicted.headers.get('x-model-sha256')).toBe(sha256);
    expect(await predict('far', [{ a: 2, size: 'huge', c: 3 }])).toMatchObject({ status: 400 });
    const information = await ask(service, token, ['GET', '/api/models/far/versions/1']);
    expect(information.body).toMatchObject({ platform: 'scripted_v1', sha256 });
    expect(JSON.stringify(information.body)).not.toContain('127.0.0.1');
    for (const move of ['unload', 'load'])
      expect((await ask(service, token, ['POST', `/api/models/far/versions/1/${move}`])).status).toBe(204);
    expect((await predict('far', [[1, 'small', 3]])).body).toMatchObject({ predictions: ['third'] });
    expect((await upload(service, token, ['far', '1'], { contract: contract(), encoding })).status).toBe(409);
    expect((await ask(service, token, ['DELETE', '/api/models/far/versions/1'])).status).toBe(204);
    // Predictions see the change within a second.
    while ((await predict('far', [[1, 'small', 3]])).status !== 404);
  });

  test('404: it has no file to download', async () => {
    await upload(service, token, ['fileless', '1'], { contract: contract(), encoding });

    expect(await ask(service, token, ['GET', '/api/models/fileless/versions/1/artifact'])).toMatchObject({
      status: 404,
      body: { code: 'no_artifact' },
    });
  });

  test('422 without a connection: a server that the operator has not allowed', async () => {
    const before = server.connections;
    for (const url of [
      ...['http://169.254.169.254', 'http://[::ffff:169.254.169.254]', 'http://0', 'http://127.1:6379'],
      ...['http://localhost.:8080', `http://127.0.0.1:${server.port}@10.0.0.1`, `http://a@127.0.0.1:${server.port}`],
      ...['http://2130706433', 'http://0x7f.1', 'gopher://127.0.0.1', 'file:///etc/passwd', 'unix:/run/a.sock', ''],
    ]) {
      const refused = await upload(service, token, ['ssrf', '1'], { contract: echoContract(url || 'x') });

      expect([url, refused.status, refused.body]).toEqual([
        url,
        422,
        expect.objectContaining({ code: 'remote_not_allowed' }),
      ]);
      expect(JSON.stringify(refused.body)).not.toMatch(/elsewhere|127\.0\.0\.1/);
    }
    expect(server.connections).toBe(before);
  });

  const wrong: [string, number, () => Parameters<typeof upload>[3]][] = [
    ['a remote model and a file', 422, () => ({ contract: contract(), encoding, model: identityModel(3) })],
    ['neither', 400, () => ({ contract: { name: 'x' } })],
    [
      'a path in the model’s name',
      422,
      () => ({ contract: { ...contract(), remote: { url: server.url, model: '../x' } } }),
    ],
    [
      'another width',
      422,
      () => ({ contract: { ...contract(), features: features.slice(0, 1), encoding: undefined } }),
    ],
  ];
  test.each(wrong)('%s: %i, and the name stays free', async (_what, status, files) => {
    expect((await upload(service, token, ['wrong', '1'], files())).status).toBe(status);
    expect((await predict('wrong', [[1, 2, 3]])).status).toBe(404);
  });

  test('422: a server that fails on the sample; its error text is not disclosed', async () => {
    server.infer = (response) => say(response, 'the secret of /srv/model.py', 500);

    const refused = await upload(service, token, ['failing', '1'], { contract: contract(), encoding });

    expect([refused.status, refused.body.code]).toEqual([422, 'model_refused']);
    expect(JSON.stringify(refused.body)).not.toContain('secret');
  });

  test('503, and the name stays free: a server that does not respond during the upload', async () => {
    server.infer = (response) => response.socket?.resetAndDestroy();

    const refused = await upload(service, token, ['late', '1'], { contract: contract(), encoding });

    expect([refused.status, refused.body.code, refused.headers.get('retry-after')]).toEqual([
      503,
      'model_unavailable',
      '2',
    ]);
    server.infer = echo;
    expect((await upload(service, token, ['late', '1'], { contract: contract(), encoding })).status).toBe(201);
  });

  test('422 with the server’s status: it has no such model, or requires a token', async () => {
    for (const status of [401, 404]) {
      server.described = status;
      const refused = await upload(service, token, ['unknown', '1'], { contract: contract(), encoding });
      expect([refused.status, refused.body.code]).toEqual([422, 'model_refused']);
      expect(refused.body.detail).toContain(`the server answered ${status} to the request for model metadata`);
    }
    server.described = 200;
  });

  test('503: the server describes another model than at upload', async () => {
    await upload(service, token, ['changed', '1'], { contract: contract(), encoding });
    server.metadata = { ...server.metadata, platform: 'another' };

    expect(await predict('changed', [[1, 'small', 3]])).toMatchObject({
      status: 503,
      body: { code: 'model_unavailable' },
    });
  });
});

test('an operator adds a folder of a remote model', async () => {
  const folder = temporaryFolder();
  writeFileSync(join(folder, 'model.json'), JSON.stringify(echoContract(server.url)));
  const dataDir = temporaryFolder();
  const add = (MLAPI_REMOTE_SERVERS: string) =>
    mlapi(dataDir, ['models', 'add', folder], { variables: { MLAPI_REMOTE_SERVERS } });

  expect(await add('')).toMatchObject({ code: 1, stderr: expect.stringContaining('not allowed') });
  expect(await add(server.url)).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/^echo\t1\t[0-9a-f]{64}\n/),
  });
}, 60_000);
