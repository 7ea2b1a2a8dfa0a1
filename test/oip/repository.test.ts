import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { writeModelFolders } from '../support/model-folders.ts';
import { identityModel } from '../support/onnx-builder.ts';
import { startService, type TestService } from '../support/service.ts';
import { allScopes, ask } from '../support/ask.ts';
import { upload } from '../support/uploads.ts';
import { oipModels } from './models.ts';

let service: TestService;
let owner: string;
const tokenOf = async (scopes: readonly string[]) => (await service.newClient(undefined, scopes)).tokens.access_token;
beforeAll(async () => {
  service = await startService({ MLAPI_MODELS_DIR: writeModelFolders({ fp32: oipModels.fp32! }) });
  owner = await tokenOf(allScopes);
  for (const version of ['1', '2', '3'])
    expect(await upload(service, owner, ['brought', version], { model: identityModel(2) })).toMatchObject({
      status: 201,
    });
  expect((await ask(service, owner, ['DELETE', '/api/models/brought/versions/1'])).status).toBe(204);
});
afterAll(() => service.close());

const move = (what: 'load' | 'unload', name: string, token = owner) =>
  ask(service, token, ['POST', `/v2/repository/models/${name}/${what}`]);

async function index(token = owner, json: object = {}): Promise<unknown> {
  return (await ask(service, token, ['POST', '/v2/repository/index'], { json })).body;
}

const entry = (name: string, version: string, isReady: boolean) => {
  return { name, version, state: isReady ? 'READY' : 'UNAVAILABLE', reason: isReady ? '' : 'unloaded' };
};
const shipped = entry('fp32', '1', true);

describe('the repository', () => {
  test('200: the index has every version except retired ones; load and unload act on the version that the name resolves to', async () => {
    expect(await index()).toEqual([shipped, entry('brought', '2', false), entry('brought', '3', false)]);

    expect(await move('load', 'brought')).toMatchObject({ status: 200, body: {} });
    expect(await index()).toEqual([shipped, entry('brought', '2', false), entry('brought', '3', true)]);
    expect(await index(owner, { ready: true })).toEqual([shipped, entry('brought', '3', true)]);

    const alias = await ask(service, owner, ['PUT', '/api/models/brought/aliases/default'], { json: { version: '2' } });
    expect(alias.status).toBe(200);
    expect((await move('load', 'brought')).status).toBe(200);
    expect(await index(owner, { ready: true })).toHaveLength(3);

    expect((await move('unload', 'brought')).status).toBe(200);
    expect(await index()).toEqual([shipped, entry('brought', '2', false), entry('brought', '3', true)]);
  });

  test.each([
    ['config', '{"max_batch_size": 8}'],
    ['file:1/model.onnx', 'AAAA'],
  ])('400, with advice: load does not accept %s, unlike Triton', async (name, value) => {
    const load = (parameters: object) =>
      ask(service, owner, ['POST', '/v2/repository/models/brought/load'], { json: { parameters } });
    const { status, body } = await load({ [name]: value });
    expect([status, body.error]).toEqual([
      400,
      expect.stringContaining('Upload another version instead (PUT /api/models/'),
    ]);
    expect((await load({ unknown: 1 })).status).toBe(200);
  });

  test('200: a client with scopes for some models sees only those', async () => {
    expect(await index(await tokenOf(['models:read:brought']))).toHaveLength(2);
    expect(await index(await tokenOf(['models:read:fp*']))).toEqual([shipped]);
  });

  test('403: without the scope, and for other clients’ models; nothing changes', async () => {
    const before = await index();
    const reader = await tokenOf(['models:read', 'models:predict']);
    const other = await tokenOf(allScopes);
    const elsewhere = await tokenOf(['models:read', 'models:write:other']);

    for (const token of [reader, other, elsewhere])
      for (const what of ['load', 'unload'] as const)
        expect(await move(what, 'brought', token)).toMatchObject({
          status: 403,
          body: { error: expect.any(String) as unknown },
        });
    expect(await index()).toEqual(before);
  });

  test('404: unknown models; 409: shipped models cannot be unloaded', async () => {
    expect((await move('load', 'nothing')).status).toBe(404);
    expect((await move('unload', 'nothing')).status).toBe(404);
    expect((await move('load', 'fp32')).status).toBe(200);
    expect((await move('unload', 'fp32')).status).toBe(409);
  });
});
