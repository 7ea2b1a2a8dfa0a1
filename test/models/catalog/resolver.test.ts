import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { VersionResolver } from '../../../mlapi/models/catalog/resolver.ts';
import { identityModel } from '../../support/onnx-builder.ts';
import { startService, type TestService } from '../../support/service.ts';
import { allScopes } from '../../support/ask.ts';
import { upload } from '../../support/uploads.ts';

let service: TestService;
beforeAll(async () => {
  service = await startService();
  const { access_token: token } = (await service.newClient(undefined, allScopes)).tokens;
  expect((await upload(service, token, ['m', '1'], { model: identityModel(1) })).status).toBe(201);
});
afterAll(() => service.close());

test('concurrent lookups of one version share a query; a lookup after a change queries again', async () => {
  const targets = new VersionResolver(service.services.database);

  const [first, second, other] = [targets.find('m', '1'), targets.find('m', '1'), targets.find('m', undefined)];
  targets.forget('m');
  const third = targets.find('m', '1');

  expect(await second).toBe(await first);
  expect(await third).not.toBe(await first);
  expect(await third).toEqual(await first);
  expect(await other).toMatchObject({ version: '1' });
});

test('404 is not cached', async () => {
  const targets = new VersionResolver(service.services.database);
  await expect(targets.find('none', '1')).rejects.toMatchObject({ status: 404 });
  await expect(targets.find('none', '1')).rejects.toMatchObject({ status: 404 });
  expect(targets.known('none', '1')).toBeUndefined();
});
