import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, symlinkSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, test } from '@jest/globals';
import Libsql from 'libsql';
import { startCompiled, TestProcess } from '../support/child.ts';
import { projectRoot } from '../support/compiled.ts';
import { startService, temporaryFolder } from '../support/service.ts';

async function freePort(): Promise<string> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise<void>((resolve) => server.close(() => resolve()));
  return String(port);
}

async function statusOf(url: string): Promise<number> {
  for (let attempt = 0; ; attempt += 1) {
    const response = await fetch(url).catch(() => undefined);
    if (response !== undefined) return response.status;
    if (attempt > 200) throw new Error('nobody listens');
    await delay(25);
  }
}

describe('during the start', () => {
  /** A data directory without keys, whose database another process locks. */
  async function heldDatabase(): Promise<{ dataDir: string; held: Libsql.Database }> {
    const setup = await startService();
    await setup.services.database.deleteFrom('signing_keys').execute();
    await setup.close();
    const held = new Libsql(join(setup.dataDir, 'mlapi.db'));
    held.exec('begin immediate');
    return { dataDir: setup.dataDir, held };
  }

  test('liveness is 200, readiness and everything else 503, until it is ready', async () => {
    const { dataDir, held } = await heldDatabase();
    const port = await freePort();
    const url = `http://127.0.0.1:${port}`;
    const variables = { MLAPI_DATA_DIR: dataDir, MLAPI_PORT: port };
    const service = startCompiled('mlapi/cli/serve.ts', [], { variables });
    expect(await statusOf(`${url}/api/liveness`)).toBe(200);
    expect(await statusOf(`${url}/api/readiness`)).toBe(503);
    expect(await statusOf(`${url}/api/ml`)).toBe(503);
    held.exec('rollback');
    held.close();
    await service.says(/"listening"/);
    expect(await statusOf(`${url}/api/readiness`)).toBe(200);
    expect(await statusOf(`${url}/api/ml`)).toBe(401);
    await service.kill('SIGTERM');
  });

  test('SIGTERM ends it with exit code 0', async () => {
    const { dataDir, held } = await heldDatabase();
    const port = await freePort();
    const variables = { MLAPI_DATA_DIR: dataDir, MLAPI_PORT: port };
    const service = startCompiled('mlapi/cli/serve.ts', [], { variables });
    await statusOf(`http://127.0.0.1:${port}/api/liveness`);
    expect(await service.kill('SIGTERM')).toEqual({ code: 0, signal: null });
    held.close();
  });
});

describe('the production build', () => {
  test('starts with node alone, requires a passphrase, serves no documents and creates no demo client', async () => {
    const root = temporaryFolder();
    const tsc = join(projectRoot, 'node_modules/typescript/bin/tsc');
    execFileSync(process.execPath, [tsc, '-p', 'tsconfig.build.json', '--outDir', join(root, 'build')], {
      cwd: projectRoot,
    });
    cpSync(join(projectRoot, 'package.json'), join(root, 'package.json'));
    symlinkSync(join(projectRoot, 'node_modules'), join(root, 'node_modules'));
    mkdirSync(join(root, 'data'), { mode: 0o700 });
    const issuer = 'https://api.example.com';
    const variables = { NODE_ENV: 'production', MLAPI_DATA_DIR: join(root, 'data'), MLAPI_ISSUER: issuer };
    const without = new TestProcess(['build/mlapi/cli/serve.js'], {
      cwd: root,
      variables: { ...variables, MLAPI_KEY_PASSPHRASE: '' },
    });
    expect(await without.ended).toEqual({ code: 1, signal: null });
    expect(without.stderr).toMatch(/^mlapi: .*\n.*is required in production\n$/);
    const service = new TestProcess(['build/mlapi/cli/serve.js'], { cwd: root, variables });
    const [, url = ''] = await service.says(/"address":"(http[^"]+)"/);
    expect(await statusOf(`${url}/api/readiness`)).toBe(200);
    expect(await statusOf(`${url}/api/docs`)).toBe(401);
    const form = { method: 'POST', body: new URLSearchParams({ username: 'demo', password: 'demo' }) };
    expect((await fetch(`${url}/auth/reset`, form)).status).toBe(401);
    expect(await service.kill('SIGTERM')).toEqual({ code: 0, signal: null });
  });
});
