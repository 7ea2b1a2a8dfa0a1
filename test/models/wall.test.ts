import { spawn, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { findModelIsolation } from '../../mlapi/inference/execution/model-isolation.ts';
import { launch, sendFilter, type Isolation } from '../../mlapi/sandbox/confinement.ts';
import { systemCallFilter } from '../../mlapi/sandbox/system-calls.ts';
import { hasProgram } from '../support/nginx.ts';
import { temporaryFolder } from '../support/service.ts';

const program = join(temporaryFolder(), 'try');
const hasCompiler = hasProgram('cc', 'what a program may do behind the wall');
if (hasCompiler) spawnSync('cc', ['-O1', '-pthread', '-o', program, 'test/fixtures/wall/try.c'], { stdio: 'inherit' });
const isolation = await findModelIsolation();
if (isolation !== 'namespaces')
  console.warn('SKIPPED: the wall of namespaces: this machine has no bubblewrap, or forbids it');
const testLimits = hasCompiler ? test : test.skip;
const testNamespaces = hasCompiler && isolation === 'namespaces' ? test : test.skip;

/** The program's report of what it could do inside the sandbox of the built service. */
async function tryBehind(isolation: Isolation): Promise<Record<string, string>> {
  const { execPath, execArgv, filter } = launch({ node: [] }, { isolation, memoryBytes: 2 ** 30 }, [program]);
  const words = [...execArgv.slice(0, execArgv.lastIndexOf(process.execPath)), program];
  const tried = spawn(execPath, words, { stdio: ['ignore', 'pipe', 'ignore', 'ignore', filter ? 'pipe' : 'ignore'] });
  sendFilter(tried, filter && systemCallFilter({ startsProcesses: false }));
  let text = '';
  tried.stdout?.on('data', (chunk: Buffer) => (text += chunk.toString()));
  await new Promise((resolve) => tried.once('close', resolve));
  return Object.fromEntries(
    text
      .split('\n')
      .filter(Boolean)
      .map((line) => line.split(' ') as [string, string]),
  );
}

testNamespaces('code that escapes the runtime gets no shared memory, process, namespace or file', async () => {
  const tried = await tryBehind('namespaces');
  for (const what of ['shared', 'memfd', 'shmget', 'unshare', 'devshm', 'tmp', 'fork'])
    expect([what, tried[what]]).toEqual([what, 'refused']);
  expect(tried.thread).toBe('works');
  expect(Number(tried.descriptors)).toBeLessThan(128);
});

testLimits('without namespaces the address space is limited, shared memory included', async () => {
  const tried = await tryBehind('limits');
  expect(tried.shared).toBe('refused');
  expect(tried.thread).toBe('works');
  expect(Number(tried.descriptors)).toBeLessThan(128);
});
