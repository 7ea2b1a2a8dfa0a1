import { writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { constantModel, identityModel } from '../support/onnx-builder.ts';
import { startService, type TestService } from '../support/service.ts';
import { allScopes, ask, type ApiResponse } from '../support/ask.ts';
import { upload } from '../support/uploads.ts';

let service: TestService;
let owner: string;
beforeAll(async () => {
  service = await startService();
  owner = await tokenOf('owner');
  for (const version of ['1', '2']) await add('m', version, answering(Number(version)));
});
afterAll(() => service.close());

const tokenOf = async (name: string, scopes: readonly string[] = allScopes) =>
  (await service.newClient(name, scopes)).tokens.access_token;
/** A model that always predicts this class. */
const answering = (prediction: number) => constantModel({ type: 'int64', shape: [1], values: [BigInt(prediction)] }, 1);
const add = async (name: string, version: string, model = identityModel(1), token = owner) =>
  expect((await upload(service, token, [name, version], { model })).status).toBe(201);
const get = (path: string, token = owner) => ask(service, token, ['GET', path]);
const predict = (path: string, token = owner) =>
  ask(service, token, ['POST', `/api/models/${path}/predict`], { json: [[0]] });
const point = (alias: string, version: string, headers = {}, token = owner): Promise<ApiResponse> =>
  ask(service, token, ['PUT', `/api/models/m/aliases/${alias}`], { json: { version }, headers });

test('200: a model with several versions is listed once', async () => {
  const { body } = await get('/api/models?prefix=m&limit=2');
  expect(body).toMatchObject({ models: [{ name: 'm', version: '2' }], next: null });
});

describe('the served version', () => {
  test('200: the named one; without a name, the one of the alias `default`, or else the newest', async () => {
    expect((await predict('m/versions/1')).body).toMatchObject({ version: '1', predictions: [1] });
    expect((await predict('m')).body).toMatchObject({ version: '2', predictions: [2] });

    expect((await point('default', '1')).status).toBe(200);
    // The process that makes a change sees it at once, others within a second.
    expect((await predict('m')).body.version).toBe('1');
    expect((await get('/api/models/m')).body).toMatchObject({ name: 'm', version: '1' });
    expect((await ask(service, owner, ['DELETE', '/api/models/m/aliases/default'])).status).toBe(204);
    expect((await predict('m')).body.version).toBe('2');
  });

  test('200: an alias works wherever a version does, and moves from one request to the next', async () => {
    expect((await point('stable', '1')).body).toMatchObject({ alias: 'stable', version: '1' });
    expect((await predict('m/versions/@stable')).body).toMatchObject({ version: '1', predictions: [1] });
    expect((await get('/api/models/m/versions/@stable')).body).toMatchObject({ name: 'm', version: '1' });
    // Percent-encoded, as generated clients send it.
    expect((await predict('m/versions/%40stable')).body).toMatchObject({ version: '1', predictions: [1] });
    expect((await get('/v2/models/m/versions/%40stable')).body).toMatchObject({ name: 'm', versions: ['1'] });

    await point('stable', '2');

    await until(async () => (await predict('m/versions/@stable')).body.version === '2');
    expect((await get('/api/models/m/aliases')).body).toMatchObject({ aliases: [{ alias: 'stable', version: '2' }] });
  });

  test('403: the 101st alias of a model; setting an alias to its current version changes nothing and leaves no audit row', async () => {
    await add('crowded', '1');
    const set = (alias: string) =>
      ask(service, owner, ['PUT', `/api/models/crowded/aliases/${alias}`], { json: { version: '1' } });
    const rows = async () =>
      (
        await service.services.database
          .selectFrom('audit_events')
          .select('id')
          .where('detail', 'like', 'crowded @a0 %')
          .execute()
      ).length;

    for (let index = 0; index < 100; index += 1) expect((await set(`a${index}`)).status).toBe(200);
    const before = await rows();
    const again = await set('a0');
    expect([again.status, again.headers.get('etag'), await rows()]).toEqual([200, '"1"', before]);
    const refused = await set('one-too-many');
    expect([refused.status, refused.body.code]).toEqual([403, 'quota_exceeded']);
  });

  test('412: an alias that was moved meanwhile', async () => {
    const tag = (await point('guarded', '1')).headers.get('etag') ?? '';
    expect((await point('guarded', '2', { 'if-match': tag })).status).toBe(200);

    expect(await point('guarded', '1', { 'if-match': tag })).toMatchObject({ status: 412 });
    expect(await point('guarded', '1', { 'if-none-match': '*' })).toMatchObject({ status: 412 });
    expect(await point('guarded', '1', { 'if-match': 'x' })).toMatchObject({ status: 412 });
    expect((await get('/api/models/m/aliases/guarded')).body).toMatchObject({ version: '2' });
  });

  test('412: for one of two clients that move an alias from the same state', async () => {
    const tag = (await point('contested', '1')).headers.get('etag') ?? '';

    const moved = await Promise.all(['2', '2'].map((version) => point('contested', version, { 'if-match': tag })));

    expect(moved.map(({ status }) => status).sort()).toEqual([200, 412]);
  });

  test('404: unknown versions and aliases, and aliases for unknown versions', async () => {
    expect((await predict('m/versions/9')).status).toBe(404);
    expect((await predict('m/versions/@none')).status).toBe(404);
    expect((await predict('nothing')).status).toBe(404);
    expect((await point('wrong', '9')).status).toBe(404);
    expect((await get('/api/models/m/aliases/wrong')).status).toBe(404);
    expect((await get('/api/models/nothing/versions')).status).toBe(404);
  });
});

describe('DELETE /api/models/{name}/versions/{version}', () => {
  test('204, then 404 for its predictions, and 409 for its name for ever', async () => {
    await add('gone', '1');
    expect((await predict('gone')).status).toBe(200);

    expect((await ask(service, owner, ['DELETE', '/api/models/gone/versions/1'])).status).toBe(204);

    expect((await predict('gone')).status).toBe(404);
    expect((await predict('gone/versions/1')).status).toBe(404);
    expect((await ask(service, owner, ['DELETE', '/api/models/gone/versions/1'])).status).toBe(404);
    expect((await upload(service, owner, ['gone', '1'], { model: identityModel(1) })).status).toBe(409);
    const others = await tokenOf('squatter');
    expect((await upload(service, others, ['gone', '2'], { model: identityModel(1) })).status).toBe(403);
    expect((await get('/api/models/gone/versions')).body).toMatchObject({
      versions: [{ version: '1', retiredAt: expect.any(String) }],
    });
    // The row kept for ever is small.
    const rows = service.services.database.selectFrom('model_versions').select(['contract', 'facts']);
    expect(await rows.where('model', '=', 'gone').execute()).toEqual([{ contract: '{}', facts: '{}' }]);
    // Its processes end soon.
    await until(() =>
      Promise.resolve(service.services.modelStore.store.loaded().every((one) => one.contract.name !== 'gone')),
    );
  });

  test('403 for other clients, 204 for an administrator; 409 while an alias points to it', async () => {
    await add('kept', '1');
    const [other, administrator] = [
      await tokenOf('other'),
      await tokenOf('administrator', [...allScopes, 'models:admin']),
    ];
    const path = '/api/models/kept/versions/1';
    expect((await ask(service, other, ['DELETE', path])).status).toBe(403);
    const alias = '/api/models/kept/aliases/a';
    expect((await ask(service, other, ['PUT', alias], { json: { version: '1' } })).status).toBe(403);
    expect((await ask(service, owner, ['PUT', alias], { json: { version: '1' } })).status).toBe(200);
    expect((await ask(service, other, ['DELETE', alias])).status).toBe(403);
    expect((await ask(service, other, ['POST', `${path}/unload`])).status).toBe(403);
    expect((await ask(service, administrator, ['DELETE', path])).status).toBe(409);
    expect((await ask(service, administrator, ['DELETE', alias])).status).toBe(204);
    expect((await ask(service, administrator, ['DELETE', path])).status).toBe(204);
  });
});

describe('GET /api/models', () => {
  test('200: model folders and store in one list, sorted by name, paged, filtered by prefix and owner', async () => {
    const [mine, tokens] = ['list-b', await tokenOf('lister')];
    await add('list-a', '1');
    await add(mine, '1', identityModel(1), tokens);
    const names = ({ body }: ApiResponse) => (body.models as { name: string }[]).map(({ name }) => name);

    const all = names(await get('/api/models?limit=100'));
    expect(all).toEqual([...all].sort());
    expect(all).toEqual(expect.arrayContaining(['list-a', mine, 'm', 'nsl-kdd-classifier']));
    const paged: string[] = [];
    for (let after: string | null = ''; after !== null;) {
      const page = await get(`/api/models?limit=2${after === '' ? '' : `&after=${after}`}`);
      paged.push(...names(page));
      after = page.body.next as string | null;
    }
    expect(paged).toEqual(all);
    expect(names(await get('/api/models?prefix=list-'))).toEqual(['list-a', mine]);
    expect(names(await get('/api/models?prefix=list_'))).toEqual([]);
    expect(names(await get('/api/models?owner=me', tokens))).toEqual([mine]);
    expect((await get('/api/models?owner=lister')).status).toBe(400);
    expect((await get('/api/models?prefix=%25')).status).toBe(400);
  });

  test('scopes for some models: all others are unlisted and 404', async () => {
    await add('churn-eu', '1');
    await add('churned', '1');
    const token = await tokenOf('narrow', ['models:read:churn-*', 'models:predict:churn-eu', 'models:write:churn-*']);

    expect((await get('/api/models', token)).body).toMatchObject({ models: [{ name: 'churn-eu' }], next: null });
    expect((await get('/api/models/churn-eu', token)).status).toBe(200);
    expect((await predict('churn-eu', token)).status).toBe(200);
    for (const name of ['churned', 'churn', 'm', 'nsl-kdd-classifier'])
      expect([name, (await predict(name, token)).status, (await get(`/api/models/${name}`, token)).status]).toEqual([
        name,
        404,
        404,
      ]);
    expect((await get('/api/ml', token)).status).toBe(404);
    expect((await ask(service, token, ['POST', '/api/ml'], { json: [[0]] })).status).toBe(404);
    expect((await upload(service, token, ['other', '1'], { model: identityModel(1) })).status).toBe(404);
    expect((await upload(service, token, ['churn-us', '1'], { model: identityModel(1) })).status).toBe(201);
    expect((await get('/api/models/churn-us/versions/1/artifact', token)).status).toBe(403);
  });

  test('a token may be narrowed to fewer models, never widened', async () => {
    const { name } = await service.newClient('narrowing', ['models:read']);
    const reset = async (scope: string) => {
      const password = await service.services.clients.resetPassword(name);
      return service.http.post('/auth/reset').send({ username: name, password, scope });
    };
    expect(await reset('models:read:churn-*')).toMatchObject({ status: 200, body: { scope: 'models:read:churn-*' } });
    expect(await reset('models:predict:churn-*')).toMatchObject({ status: 400, body: { error: 'invalid_scope' } });
    expect(await reset('models:read:*')).toMatchObject({ status: 400 });
  });
});

describe('files of a version', () => {
  test('200: an artifact has the uploaded bytes and its digest; 403 without models:download', async () => {
    const answer = await fetch(`${service.url}/api/models/m/versions/1/artifact`, {
      headers: { authorization: `Bearer ${owner}` },
    });

    expect(Buffer.from(await answer.arrayBuffer()).equals(answering(1))).toBe(true);
    const { sha256 } = (await get('/api/models/m/versions/1')).body;
    expect(answer.headers.get('etag')).toBe(`"${String(sha256)}"`);
    expect(answer.headers.get('content-disposition')).toBe('attachment; filename="m-1.onnx"');
    const reader = await tokenOf('reader', ['models:read', 'models:predict']);
    expect((await get('/api/models/m/versions/1/artifact', reader)).status).toBe(403);
  });

  test('E96, 503: a file changed after its inspection is not loaded', async () => {
    await add('changed', '1', answering(1));
    const { store } = service.services.modelStore;
    const { path } = (await store.artifactOf(await store.resolve('changed', '1'), 'model.onnx'))!;
    writeFileSync(path, answering(2));

    expect(await predict('changed')).toMatchObject({ status: 503, body: { code: 'model_unavailable' } });

    writeFileSync(path, answering(1));
    await until(async () => (await predict('changed')).status === 200);
    expect((await predict('changed')).body).toMatchObject({ predictions: [1] });
  });

  test('a restart serves the same versions with the same digests', async () => {
    const before = (await get('/api/models/m/versions')).body;
    const restarted = await startService({}, { dataDir: service.dataDir, clock: service.clock });
    try {
      expect((await ask(restarted, owner, ['GET', '/api/models/m/versions'])).body).toEqual(before);
      const { body } = await ask(restarted, owner, ['POST', '/api/models/m/versions/2/predict'], { json: [[0]] });
      expect(body).toMatchObject({ version: '2', predictions: [2] });
    } finally {
      await restarted.close();
    }
  });
});

/** Other processes and caches see a change within a second. */
async function until(isTrue: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 400; tries += 1) {
    if (await isTrue()) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error('it never came true');
}
