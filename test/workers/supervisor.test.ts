import { cpSync, readFileSync, readdirSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, jest, test } from '@jest/globals';
import { serve, startCompiled } from '../support/child.ts';
import { projectRoot } from '../support/compiled.ts';
import { temporaryFolder } from '../support/service.ts';
import { allReady, ask, childrenOf, until } from '../support/running.ts';
import { readyWorkersOf } from '../support/workers.ts';

// Each process loads the models, which takes time on a busy machine.
jest.setTimeout(240_000);

const two = { MLAPI_WORKERS: '2' };

/** A service with its workers, all of them ready. */
async function serveReady(variables: Record<string, string> = two, cwd?: string) {
  const { service, url } = await serve(temporaryFolder(), { variables, ...(cwd === undefined ? {} : { cwd }) });
  await until(() => readyWorkersOf(service).length === Number(variables.MLAPI_WORKERS ?? '1'));
  await allReady(url);
  return { service, url };
}

describe('the first worker', () => {
  test('is ready before the others start, so a new connection always finds a ready worker', async () => {
    const service = startCompiled('mlapi/cli/serve.ts', [], {
      variables: { MLAPI_DATA_DIR: temporaryFolder(), MLAPI_WORKERS: '3' },
    });
    let maxAtOnce = 0;
    await until(() => {
      if (!service.stdout.includes('"listening"')) maxAtOnce = Math.max(maxAtOnce, childrenOf(service).length);
      return service.stdout.includes('"listening"');
    });
    expect(maxAtOnce).toBe(1);
    const [, url = ''] = await service.says(/"address":"(http[^"]+)"/);
    do expect((await ask(`${url}/api/readiness`)).status).toBe(200);
    while (readyWorkersOf(service).length < 3);
    await service.kill('SIGTERM');
  });
});

describe('the listening socket', () => {
  /** From Linux's list of sockets; state 0A means listening. */
  function listeningInode(port: number): string {
    const hexPort = port.toString(16).toUpperCase().padStart(4, '0');
    const line = readFileSync('/proc/net/tcp', 'utf8')
      .split('\n')
      .map((text) => text.trim().split(/\s+/))
      .find(([, local = '', , state]) => local.endsWith(`:${hexPort}`) && state === '0A');
    return line?.[9] ?? '';
  }
  const socketsOf = (pid: number) => {
    const folder = `/proc/${pid}/fd`;
    return readdirSync(folder).flatMap((fd) => {
      try {
        return [readlinkSync(join(folder, fd))];
      } catch {
        return []; // closed by now
      }
    });
  };

  test('is held by each worker, which accepts by itself: no connection is handed to a dying worker', async () => {
    const { service, url } = await serveReady();
    const socket = `socket:[${listeningInode(Number(new URL(url).port))}]`;
    for (const worker of childrenOf(service)) expect(socketsOf(worker)).toContain(socket);
    await service.kill('SIGTERM');
  });
});

describe('a worker that ends', () => {
  test('by kill -9 is replaced; the others keep serving', async () => {
    const { service, url } = await serveReady();
    const [first = 0, second = 0] = childrenOf(service);
    process.kill(first, 'SIGKILL');
    await service.says(/"worker exited".*"how":"SIGKILL"/);
    for (let count = 0; count < 20; count += 1) expect((await ask(`${url}/api/readiness`)).status).toBe(200);
    await until(() => childrenOf(service).length === 2);
    expect(childrenOf(service)).toContain(second);
    expect(childrenOf(service)).not.toContain(first);
    expect(await service.kill('SIGTERM')).toEqual({ code: 0, signal: null });
  });

  test('by SIGTERM to it alone drains, and is replaced', async () => {
    const { service, url } = await serveReady();
    const [first = 0] = childrenOf(service);
    process.kill(first, 'SIGTERM');
    await service.says(/"worker exited".*"how":"code 0"/);
    await until(() => childrenOf(service).length === 2);
    expect((await ask(`${url}/api/readiness`)).status).toBe(200);
    await service.kill('SIGTERM');
  });

  test('and is the only one is replaced too', async () => {
    const { service, url } = await serveReady({});
    process.kill(childrenOf(service)[0]!, 'SIGKILL');
    await service.says(/"worker exited"/);
    await allReady(url);
    await service.kill('SIGTERM');
  });

  test('and cannot become ready again ends the service, with a message and a non-zero code', async () => {
    const models = temporaryFolder();
    cpSync(join(projectRoot, 'test/fixtures/iris'), join(models, 'iris'), { recursive: true });
    const { service } = await serveReady({ MLAPI_MODELS_DIR: models });
    writeFileSync(join(models, 'iris/model.onnx'), 'no model at all');
    process.kill(childrenOf(service)[0]!, 'SIGKILL');
    expect(await service.ended).toEqual({ code: 1, signal: null });
    expect(service.stdout).toMatch(/"worker could not start","reason":"[^"]*model\.onnx/);
    expect(service.stderr).toMatch(/^mlapi: the workers keep exiting soon after their start; last exit: code 1\n$/);
  });

  test('because it hangs is replaced', async () => {
    const { service, url } = await serveReady();
    const [first = 0] = childrenOf(service);
    process.kill(first, 'SIGSTOP');
    await service.says(/"worker is stuck"/);
    await until(() => childrenOf(service).length === 2 && !childrenOf(service).includes(first));
    await allReady(url);
    await service.kill('SIGTERM');
  });
});

describe('the supervisor', () => {
  test('killed by kill -9 takes its workers with it', async () => {
    const { service, url } = await serveReady();
    const workers = childrenOf(service);
    await service.kill('SIGKILL');
    await until(() => workers.every((pid) => !isRunning(pid)));
    await expect(ask(`${url}/api/liveness`)).rejects.toThrow('ECONNREFUSED');
  });

  test('ends all workers on SIGTERM to the whole group, after readiness says 503', async () => {
    const { service, url } = await serveReady();
    const workers = childrenOf(service);
    for (const pid of [...workers, service.child.pid!]) process.kill(pid, 'SIGTERM');
    await service.says(/"stopping"/);
    await until(async () => (await ask(`${url}/api/readiness`)).status === 503);
    expect(await service.ended).toEqual({ code: 0, signal: null });
    expect(workers.filter(isRunning)).toEqual([]);
  });
});

describe('SIGHUP', () => {
  test('replaces every worker under the new configuration, and no request is lost', async () => {
    const cwd = temporaryFolder();
    const { service, url } = await serveReady(two, cwd);
    const before = childrenOf(service);
    expect((await ask(`${url}/api/openapi.json`)).status).toBe(401);
    writeFileSync(join(cwd, '.env'), 'MLAPI_DOCS=true\n');
    let isReloading = true;
    const statuses = new Set<number>();
    const load = Array.from({ length: 4 }, async () => {
      while (isReloading) statuses.add((await ask(`${url}/api/readiness`)).status);
    });

    service.child.kill('SIGHUP');
    await service.says(/"reloaded"/);
    isReloading = false;
    await Promise.all(load);

    expect(statuses).toEqual(new Set([200]));
    for (let count = 0; count < 10; count += 1) expect((await ask(`${url}/api/openapi.json`)).status).toBe(200);
    await until(() => before.every((pid) => !isRunning(pid)));
    expect(childrenOf(service)).toHaveLength(2);
    await service.kill('SIGTERM');
  });

  test('with an invalid configuration changes nothing, and logs what is wrong', async () => {
    const cwd = temporaryFolder();
    const { service, url } = await serveReady(two, cwd);
    const before = childrenOf(service);
    writeFileSync(join(cwd, '.env'), 'MLAPI_PROT=1\n');
    service.child.kill('SIGHUP');
    await service.says(/"reload failed".*MLAPI_PROT is not a variable/);
    expect(childrenOf(service)).toEqual(before);
    expect((await ask(`${url}/api/readiness`)).status).toBe(200);
    await service.kill('SIGTERM');
  });

  test('with models that do not load changes nothing', async () => {
    const cwd = temporaryFolder();
    const { service, url } = await serveReady({ MLAPI_MODELS_DIR: '', MLAPI_WORKERS: '1', ...models(cwd) }, cwd);
    const before = childrenOf(service);
    writeFileSync(join(cwd, 'models/iris/model.onnx'), 'no model at all');
    service.child.kill('SIGHUP');
    await service.says(/"reload failed".*did not become ready/);
    await until(() => childrenOf(service).length === 1);
    expect(childrenOf(service)).toEqual(before);
    expect((await ask(`${url}/api/readiness`)).status).toBe(200);
    await service.kill('SIGTERM');
  });
});

function models(cwd: string): Record<string, string> {
  cpSync(join(projectRoot, 'test/fixtures/iris'), join(cwd, 'models/iris'), { recursive: true });
  return { MLAPI_MODELS_DIR: join(cwd, 'models') };
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
