import { cpSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { mlapi, serve, startCompiled } from '../support/child.ts';
import { projectRoot } from '../support/compiled.ts';
import { temporaryFolder } from '../support/service.ts';

const iris = join(projectRoot, 'test/fixtures/iris');

describe('a failing start: one message, exit code 1, no stack', () => {
  test.each([
    ['the folder of models is missing', () => ({ MLAPI_MODELS_DIR: '/nowhere' }), /cannot be read/],
    [
      'a model is garbled',
      () => {
        const folder = temporaryFolder();
        cpSync(iris, join(folder, 'iris'), { recursive: true });
        writeFileSync(join(folder, 'iris/model.onnx'), 'no model at all');
        return { MLAPI_MODELS_DIR: folder };
      },
      /model\.onnx/,
    ],
    ['a variable is wrong', () => ({ MLAPI_PORT: 'MARKER' }), /MLAPI_PORT must be/],
    ['there is no passphrase', () => ({ MLAPI_KEY_PASSPHRASE: '' }), /MLAPI_KEY_PASSPHRASE or/],
  ])('%s', async (_what, variables, message) => {
    const { code, stdout, stderr } = await mlapi(temporaryFolder(), ['serve'], { variables: variables() });
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(/^mlapi: /);
    expect(stderr).toMatch(message);
    expect(stderr).not.toMatch(/\n {4}at |MARKER/);
  });

  test('the port is in use; a wrong passphrase does not open the keys', async () => {
    const dataDir = temporaryFolder();
    const { service, url } = await serve(dataDir);
    const { port } = new URL(url);
    const remedy = 'stop the process that listens there, or choose another port with MLAPI_PORT';
    expect(await mlapi(dataDir, ['serve'], { variables: { MLAPI_PORT: port } })).toMatchObject({
      code: 1,
      stderr: `mlapi: port ${port} on 127.0.0.1 is in use (EADDRINUSE): ${remedy}\n`,
    });
    const other = { variables: { MLAPI_KEY_PASSPHRASE: 'another one, as long' } };
    expect(await mlapi(dataDir, ['serve'], other)).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^mlapi: wrong passphrase: .*\n$/),
    });
    await service.kill();
  });

  test('a Unix socket in use by a service is not taken over; one left behind by kill -9 is', async () => {
    const dataDir = temporaryFolder();
    const variables = { MLAPI_SOCKET: join(dataDir, 's') };
    const first = await serveOnSocket(dataDir, variables);
    const refused = await mlapi(dataDir, ['serve'], { variables });
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining('another service listens on') });
    await first.kill('SIGKILL');
    const second = await serveOnSocket(dataDir, variables);
    expect(await second.kill('SIGTERM')).toEqual({ code: 0, signal: null });
  });
});

async function serveOnSocket(dataDir: string, variables: Record<string, string>) {
  const service = startCompiled('mlapi/cli/serve.ts', [], {
    variables: { MLAPI_DATA_DIR: dataDir, ...variables },
  });
  await service.says(/"listening"/);
  return service;
}
