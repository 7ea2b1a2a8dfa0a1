import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { findModelIsolation } from '../../mlapi/inference/execution/model-isolation.ts';
import { BuiltService } from '../support/built-service.ts';
import { identityModel } from '../support/onnx-builder.ts';
import { temporaryFolder } from '../support/service.ts';
import { allScopes, ask } from '../support/ask.ts';
import { filesOf, upload } from '../support/uploads.ts';

let service: BuiltService;
let token: string;
beforeAll(async () => {
  service = new BuiltService(temporaryFolder(), { variables: { MLAPI_KEY_BITS: '2048' } });
  service.command('clients', 'add', 'ada', '--scopes', allScopes.join(','));
  token = (JSON.parse(service.command('tokens', 'issue', 'ada')) as { access_token: string }).access_token;
  await service.start();
}, 120_000);
afterAll(() => service.stop());

test('201, then predictions: a client’s model, in the built service', async () => {
  const served = { url: `http://127.0.0.1:${service.port}` };
  const shipped = filesOf('resources/models/nsl-kdd-classifier');
  for (const [name, files] of [
    ['plain', { model: identityModel(1) }],
    ['traffic', shipped],
  ] as const)
    expect([name, (await upload(served, token, [name, '1'], files)).status]).toEqual([name, 201]);

  const plain = await ask(served, token, ['POST', '/api/models/plain/predict'], { json: [[0]] });
  const traffic = await ask(served, token, ['POST', '/api/models/traffic/predict'], { json: [shipped.sample] });

  expect([plain.status, traffic.status]).toEqual([200, 200]);
  // The sandbox contains everything it needs, if the machine allows sandboxes.
  const isWalled = !readFileSync(service.logFile, 'utf8').includes('without namespaces');
  expect(isWalled ? 'namespaces' : 'limits').toBe(await findModelIsolation());
});
