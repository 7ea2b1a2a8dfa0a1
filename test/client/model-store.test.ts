import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { buffer } from 'node:stream/consumers';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Client } from '../../mlapi/client/client.ts';
import { startService, type TestService } from '../support/service.ts';
import { allScopes } from '../support/ask.ts';
import { clientOf, failureOf } from './double.ts';

// The same calls as in versions.test.ts, against the real store.

const folder = 'resources/models/nsl-kdd-classifier';
const sha256 = createHash('sha256')
  .update(readFileSync(`${folder}/model.onnx`))
  .digest('hex');
const rows = JSON.parse(readFileSync('files/requests/three-rows.json', 'utf8')) as unknown[][];
const name = 'traffic';

let service: TestService;
let client: Client;
beforeAll(async () => {
  service = await startService();
  ({ client } = await clientOf(service, { scopes: allScopes }));
});
afterAll(async () => {
  client.close();
  await service.close();
});

test('a version is uploaded, used, and retired', async () => {
  const { versions, aliases } = client;
  expect(await versions.uploadFolder(name, '1', folder)).toMatchObject({ name, version: '1', sha256 });
  expect(await versions.get(name, '1')).toMatchObject({ sha256 });
  const listed: string[] = [];
  for await (const { version } of versions.list(name)) listed.push(version);
  expect(listed).toEqual(['1']);

  await aliases.set(name, 'stable', '1');
  expect(await aliases.get(name, 'stable')).toMatchObject({ version: '1' });
  await versions.load(name, '@stable');
  expect(await client.predict(name, rows, { version: '@stable' })).toEqual({
    ...{ model: name, version: '1', sha256 },
    predictions: ['dos', 'normal', 'probe'],
  });
  await versions.unload(name, '1');
  expect(service.services.modelStore.store.loaded()).toEqual([]);
  const file = await buffer(await versions.artifact(name, '@stable'));
  expect(createHash('sha256').update(file).digest('hex')).toBe(sha256);

  expect(await failureOf(versions.retire(name, '1'))).toMatchObject({ status: 409, code: 'conflict' });
  await aliases.delete(name, 'stable');
  await versions.retire(name, '1');
  expect(await failureOf(client.predict(name, rows, { version: '1' }))).toMatchObject({ status: 404 });
});

test('an error of the store has its code and reason', async () => {
  const upload = (model: Buffer) => failureOf(client.versions.upload('refused', '1', { model }));

  expect(await upload(Buffer.from('{"a": 1}'))).toMatchObject({
    ...{ status: 422, code: 'not_onnx' },
    message: expect.stringContaining('JSON'),
  });
  expect(await failureOf(client.versions.get('refused', '1'))).toMatchObject({ status: 404 });
  const taken = await failureOf(client.versions.uploadFolder('nsl-kdd-classifier', '2', folder));
  expect(taken).toMatchObject({ status: 409, code: 'model_is_shipped' });
});
