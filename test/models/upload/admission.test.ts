import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { AdmissionControl } from '../../../mlapi/models/upload/admission.ts';
import { identityModel } from '../../support/onnx-builder.ts';
import { startService, type TestService } from '../../support/service.ts';
import { allScopes } from '../../support/ask.ts';
import { upload } from '../../support/uploads.ts';
import { until } from '../../support/running.ts';

let service: TestService;
beforeAll(async () => {
  service = await startService();
});
afterAll(() => service.close());

test('201: a client with one upload does not wait for all eight of another client', async () => {
  const [many, one] = await Promise.all(
    ['many', 'one'].map(async (name) => (await service.newClient(name, allScopes)).tokens.access_token),
  );
  const order: string[] = [];
  const bring = async (token = '', name: string, version: string) => {
    expect((await upload(service, token, [name, version], { model: identityModel(1) })).status).toBe(201);
    order.push(name);
  };
  const incoming = join(service.dataDir, 'models/incoming');
  const arrived = () => existsSync(incoming) && readdirSync(incoming, { recursive: true }).length;

  const eight = Promise.all(Array.from({ length: 8 }, (_, index) => bring(many, 'many', String(index))));
  // Each has a folder with a file in it.
  await until(() => arrived() === 16 || order.length > 0);
  await Promise.all([bring(one, 'one', '1'), eight]);

  // In order of arrival, at most one inspected at the same time could finish after it.
  expect(order.slice(order.indexOf('one') + 1).length).toBeGreaterThanOrEqual(3);
}, 120_000);

test('clients take turns, whatever the order of arrival', async () => {
  const gate = new AdmissionControl();
  const begun: string[] = [];
  const ends = new Map<string, () => void>();
  const bring = (client: string, model: string) =>
    gate.admit(client, (inspecting) =>
      inspecting(() => {
        begun.push(model);
        return new Promise<void>((resolve) => ends.set(model, resolve));
      }),
    );
  const all = ['a1', 'a2', 'a3', 'a4', 'b1', 'b2', 'c1'].map((model) => bring(model.slice(0, 1), model));
  for (let ended = 0; ended < all.length; ended += 1) {
    await until(() => begun.length === Math.min(all.length, ended + 2));
    ends.get(begun[ended]!)!();
  }
  await Promise.all(all);

  expect(begun).toEqual(['a1', 'a2', 'b1', 'c1', 'a3', 'b2', 'a4']);
});
