import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { ModelRegistry } from '../../../mlapi/inference/model-registry.ts';
import { startModels, writeModelFolders } from '../../support/model-folders.ts';
import { echoContract, OipServer } from '../../support/oip-server.ts';
import { identityModel } from '../../support/onnx-builder.ts';
import { startService } from '../../support/service.ts';
import { filesOf } from '../../support/uploads.ts';

const local = { onnx: identityModel(3) };
let server: OipServer;
beforeAll(async () => {
  server = await new OipServer().listen();
});
afterAll(() => server.close());

const load = (contract: object, remoteServers: readonly string[], more: object = {}) => {
  const modelsDir = writeModelFolders({ local, echo: { contract, ...more } });
  const config = {
    modelsDir,
    remoteServers,
    defaultModel: undefined,
    maxRows: 10,
    processes: 1,
    predictTimeoutMs: 5_000,
  };
  return ModelRegistry.load(config);
};

test('the service starts without the server of one folder: 503 and not ready until the server is up', async () => {
  const late = await new OipServer().listen();
  const { url, port } = late;
  await late.close();
  const models = { local, echo: { contract: echoContract(url) } };

  const service = await startModels(models, { MLAPI_REMOTE_SERVERS: url });

  const refused = await service.predict('echo', [[1, 2, 3]]).expect(503);
  expect(refused.body).toMatchObject({ code: 'model_unavailable' });
  expect(refused.headers['retry-after']).toBe('5');
  await service.http.get('/api/readiness').expect(503);
  await service.predict('local', [[1, 2, 3]]).expect(200);
  const back = await new OipServer().listen(port);
  while ((await service.predict('echo', [[1, 2, 3]])).status !== 200);
  await service.services.predictors.check();
  await service.close();
  await back.close();
}, 60_000);

test('the start fails if all models are remote and no server is reachable', async () => {
  const modelsDir = writeModelFolders({ echo: { contract: echoContract('http://127.0.0.1:9') } });
  const variables = { MLAPI_MODELS_DIR: modelsDir, MLAPI_REMOTE_SERVERS: 'http://127.0.0.1:9' };

  await expect(startService(variables)).rejects.toThrow(/no server of its remote models is reachable/);
});

const spellings = (url: string): [string, string][] => [
  ['another port', 'http://127.0.0.1:1'],
  ['another host', url.replace('127.0.0.1', 'localhost')],
  ['another scheme', url.replace('http', 'https')],
  ['a path', `${url}/elsewhere`],
  ['a query', `${url}?a`],
  ['a user', url.replace('//', '//u@')],
  ['a host after a user', url.replace('//', '//127.0.0.1:80@')],
  ['a backslash', url.replace('//', '\\\\')],
  ['a file', 'file:///etc/passwd'],
  ['a socket', 'unix:/run/x.sock'],
];

test('the start fails without a connection: a contract names a server that the operator has not allowed', async () => {
  const before = server.connections;
  for (const [what, url] of spellings(server.url)) {
    const refused = load(echoContract(url), [server.url]);
    await expect(refused.then(() => what)).rejects.toThrow(/names a server that is not in MLAPI_REMOTE_SERVERS/);
  }
  await expect(load(echoContract(server.url), [])).rejects.toThrow(/not in MLAPI_REMOTE_SERVERS/);
  expect(server.connections).toBe(before);
});

test('other spellings of an allowed server are accepted', async () => {
  const { port } = server;
  for (const url of [`http://127.0.0.1:${port}/`, `HTTP://127.1:${port}`]) {
    const predictors = await load(echoContract(url), [server.url]);
    expect((await predictors.get('echo').predict([[1, 9, 3]])).predictions).toEqual(['second']);
    await predictors.release();
  }
});

test('the start fails: a remote model with a model.onnx, with another width, with no features, with an executor', async () => {
  const good = echoContract(server.url);
  const features = [{ name: 'a', type: 'number' }];

  await expect(load(good, [server.url], local)).rejects.toThrow(/remove one of them/);
  await expect(load({ ...good, features }, [server.url])).rejects.toThrow(/lists 1 features, but the model takes 3/);
  await expect(load({ ...good, features: undefined, output: undefined }, [server.url])).rejects.toThrow(
    /lists 0 features, but the model takes 3/,
  );
  await expect(load({ ...good, executor: 'child' }, [server.url])).rejects.toThrow(/conflict/);
});

test('200: another mlapi, behind a gateway that adds its token, returns the same scores over binary tensors', async () => {
  const folder = 'resources/models/nsl-kdd-classifier';
  const { contract, encoding, sample } = filesOf(folder);
  const back = await startModels(join(process.cwd(), 'resources/models'));
  const { tokens } = await back.newClient();
  const gateway = await new OipServer().listen();
  gateway.forwardTo(back.url, tokens.access_token);
  const remote = { url: gateway.url, model: 'nsl-kdd-classifier' };
  const folders = {
    far: { contract: { ...(contract as object), name: 'far', remote }, encoding: String(encoding), sample },
  };
  const front = await startModels(folders, { MLAPI_REMOTE_SERVERS: gateway.url });

  const far = await front.predict('far', [sample, sample], '?scores=true').expect(200);
  const near = await back.predict('nsl-kdd-classifier', [sample, sample], '?scores=true').expect(200);

  expect(far.body).toEqual({ ...near.body, model: 'far' });
  expect(gateway.inferences.at(-1)!.headers['content-type']).toBe('application/octet-stream');
  await front.close();
  await gateway.close();
  await back.close();
});
