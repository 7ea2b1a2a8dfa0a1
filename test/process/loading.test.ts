import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { serve, startScript } from '../support/child.ts';
import { projectRoot } from '../support/compiled.ts';
import { temporaryFolder } from '../support/service.ts';
import { childrenOf } from '../support/running.ts';

/** The native libraries that a process has loaded, out of those that serving needs. */
function librariesOf(pid: number): string[] {
  const maps = readFileSync(`/proc/${pid}/maps`, 'utf8');
  return ['onnxruntime', 'libsql', 'argon2'].filter((name) => maps.includes(name));
}

describe('loaded code', () => {
  test('the supervisor loads nothing of the application; its worker loads all of it', async () => {
    const { service } = await serve(temporaryFolder());
    const [worker = 0] = childrenOf(service);
    const [ofSupervisor, ofWorker] = [service.child.pid ?? 0, worker].map(librariesOf);
    await service.kill('SIGTERM');
    expect(ofSupervisor).toEqual([]);
    expect(ofWorker).toEqual(['onnxruntime', 'libsql', 'argon2']);
  });

  test('the list of features loads no package except the configuration’s', async () => {
    const packages = await packagesOf(`
      const { readConfig } = await import(${JSON.stringify(join(projectRoot, 'mlapi/configuration.ts'))});
      readConfig();`);
    expect(packages).toContain('joi');
    expect(packages.filter((name) => !/^(?:joi|@hapi.*|@standard-schema.*|tsx|esbuild)$/.test(name))).toEqual([]);
  });

  test('a service without PostgreSQL, Redis, metrics and documents loads none of their packages', async () => {
    const packages = await packagesOf(`
      const { createServices, createApplication } = await import(${JSON.stringify(join(projectRoot, 'application.ts'))});
      const { readConfig } = await import(${JSON.stringify(join(projectRoot, 'mlapi/configuration.ts'))});
      createApplication(await createServices(readConfig()));`);
    expect(packages).toEqual(expect.arrayContaining(['express', 'libsql', 'joi', 'onnxruntime-node']));
    expect(packages.filter((name) => ['pg', '@redis/client', 'prom-client', 'joi-to-json'].includes(name))).toEqual([]);
  });
});

/** The CommonJS packages that a process has loaded after it runs this code. */
async function packagesOf(program: string): Promise<string[]> {
  const script = join(temporaryFolder(), 'load.mjs');
  const text = `
    import { createRequire } from 'node:module';
    ${program}
    const files = Object.keys(createRequire(import.meta.url).cache);
    const packages = files.map((file) => /.*node_modules.((?:@[^/]+.)?[^/]+)/.exec(file)?.[1]);
    process.stdout.write(JSON.stringify([...new Set(packages)]), () => process.exit(0));`;
  writeFileSync(script, text);
  const loading = startScript(script, [], { variables: { MLAPI_DATA_DIR: temporaryFolder(), MLAPI_DOCS: 'false' } });
  expect(await loading.ended).toEqual({ code: 0, signal: null });
  return JSON.parse(loading.stdout) as string[];
}
