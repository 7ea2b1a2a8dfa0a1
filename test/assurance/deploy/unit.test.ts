import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { readConfig } from '../../../mlapi/configuration.ts';
import { hasProgram } from '../../support/nginx.ts';
import { temporaryFolder } from '../../support/service.ts';

const canRun = hasProgram('systemd-analyze', "the unit's exposure");
const testWithSystemd = canRun ? test : test.skip;

/** Runs systemd-analyze on the unit with some drop-ins; `status` is 0 if the exposure is at most 1.0. */
function examine(dropIns: Readonly<Record<string, string>>, edit = (unit: string) => unit) {
  const root = temporaryFolder();
  const folder = join(root, 'etc/systemd/system');
  mkdirSync(join(folder, 'mlapi.service.d'), { recursive: true });
  writeFileSync(join(folder, 'mlapi.service'), edit(readFileSync('deploy/mlapi.service', 'utf8')));
  for (const [name, text] of Object.entries(dropIns)) writeFileSync(join(folder, 'mlapi.service.d', name), text);
  const options = ['security', '--offline=true', '--threshold=10', `--root=${root}`, 'mlapi.service'];
  const { status, stdout } = spawnSync('systemd-analyze', options, { encoding: 'utf8' });
  expect(stdout).toContain('Overall exposure level');
  return status;
}

testWithSystemd("the unit's exposure is at most 1.0", () => {
  expect(examine({})).toBe(0);
});

testWithSystemd('with network.conf too, for servers on this machine or another', () => {
  const network = readFileSync('deploy/network.conf', 'utf8');
  expect(examine({ 'network.conf': network })).toBe(0);
  const elsewhere = network.replace(/^IPAddressAllow=.*/m, 'IPAddressAllow=192.0.2.10');
  expect(elsewhere).not.toBe(network);
  expect(examine({ 'network.conf': elsewhere })).toBe(0);
});

testWithSystemd('with fewer restrictions the exposure is higher, so the check can fail', () => {
  expect(examine({}, (unit) => unit.replace(/^(?:Private|Protect).*\n/gm, ''))).not.toBe(0);
});

test('TasksMax allows the processes and threads of models, and not many more', () => {
  const tasks = Number(/^TasksMax=(\d+)$/m.exec(readFileSync('deploy/mlapi.service', 'utf8'))?.[1]);
  // By default 1 GiB of loaded models: ten processes of at least 100 MiB, two inspections, with some 15 threads each.
  expect(tasks).toBeGreaterThanOrEqual(4 * (10 + 2) * 15);
  expect(tasks).toBeLessThanOrEqual(1024);
});

describe('memory', () => {
  const mebibyte = 1_048_576;
  /** For each worker beside its models; and for the supervisor, and models between two memory checks. */
  const perWorkerBytes = 512 * mebibyte;
  const restBytes = 512 * mebibyte;
  const unit = readFileSync('deploy/mlapi.service', 'utf8');
  const compose = readFileSync('deploy/compose.yaml', 'utf8');
  const api = /\n {2}api:\n(?: {4}.*\n|\n)*/.exec(compose)?.[0] ?? '';
  const configOf = (text: string, pattern: RegExp) =>
    readConfig({
      NODE_ENV: 'test',
      ...Object.fromEntries([...text.matchAll(pattern)].map(([, name, value]) => [name, value])),
    });
  const needed = ({ processes, modelsMemoryBytes }: ReturnType<typeof readConfig>) =>
    modelsMemoryBytes + processes * perWorkerBytes + restBytes;
  const bytesOf = (text: string | undefined) => {
    const [, number, suffix = ''] = /^(\d+)([mg])$/i.exec(text ?? '') ?? [];
    return Number(number) * (suffix.toLowerCase() === 'g' ? 1_024 : 1) * mebibyte;
  };

  test('the unit allows the default memory of its workers and their models', () => {
    const config = configOf(unit, /^Environment=(MLAPI_(?:WORKERS|MODEL\w+))=(.+)$/gm);
    expect(bytesOf(/^MemoryMax=(\w+)$/m.exec(unit)?.[1])).toBeGreaterThanOrEqual(needed(config));
  });

  test('the container allows it too', () => {
    const config = configOf(api, /^ {6}(MLAPI_(?:WORKERS|MODEL\w+)): '(.+)'$/gm);
    expect(config.processes).toBe(2);
    expect(bytesOf(/^ {4}mem_limit: (\w+)$/m.exec(api)?.[1])).toBeGreaterThanOrEqual(needed(config));
  });

  test('a model killed by the kernel does not end the service', () => {
    expect(/^OOMPolicy=(\w+)$/m.exec(unit)?.[1]).toBe('continue');
  });
});
