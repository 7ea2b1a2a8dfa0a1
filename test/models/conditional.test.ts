import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { allScopes, ask } from '../support/ask.ts';
import { expectConditions } from '../support/conditions.ts';
import { identityModel } from '../support/onnx-builder.ts';
import { startService, type TestService } from '../support/service.ts';
import { upload } from '../support/uploads.ts';

let service: TestService;
let token: string;
beforeAll(async () => {
  service = await startService();
  token = (await service.newClient('ada', allScopes)).tokens.access_token;
  expect((await upload(service, token, ['m', '1'], { model: identityModel(1) })).status).toBe(201);
  expect((await upload(service, token, ['m', '2'], { model: identityModel(2) })).status).toBe(201);
  expect((await point('stable', '1')).status).toBe(200);
});
afterAll(() => service.close());

const point = (alias: string, version: string, headers = {}) =>
  ask(service, token, ['PUT', `/api/models/m/aliases/${alias}`], { json: { version }, headers });

test.each(['/api/models/m/versions/1/artifact', '/api/models/m/aliases/stable'])(
  '304 if the tag matches If-None-Match, 412 if it fails If-Match: GET %s',
  async (path) => {
    await expectConditions(service, token, path);
  },
);

test('200 or 412: moving an alias', async () => {
  expect((await point('moved', '1', { 'if-match': '*' })).status).toBe(412);
  expect((await point('moved', '1', { 'if-none-match': '*' })).status).toBe(200);
  expect((await point('moved', '2', { 'if-match': '*' })).headers.get('etag')).toBe('"2"');
  expect((await point('moved', '1', { 'if-match': '"1", "2"' })).headers.get('etag')).toBe('"3"');
  expect((await point('moved', '2', { 'if-none-match': '"2", W/"3"' })).status).toBe(412);
  expect((await point('moved', '2', { 'if-match': 'W/"3"' })).status).toBe(412);
  const remove = (match: string) =>
    ask(service, token, ['DELETE', '/api/models/m/aliases/moved'], { headers: { 'if-match': match } });
  expect((await remove('"1"')).status).toBe(412);
  expect((await remove('*')).status).toBe(204);
});
