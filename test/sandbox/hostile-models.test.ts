import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text as readText } from 'node:stream/consumers';
import { describe, expect, test } from '@jest/globals';
import { launch, sendFilter } from '../../mlapi/sandbox/confinement.ts';
import { findIsolation } from '../../mlapi/sandbox/isolation.ts';
import { temporaryFolder } from '../support/service.ts';

const isNamespaced = (await findIsolation(new URL('data:text/javascript,'))) === 'namespaces';
if (!isNamespaced) console.warn('SKIPPED: hostile models: no bubblewrap, or it is forbidden');

/** Opens each of the kernel's files for writing, and writes nothing. As root, a file that opens would let a process out. */
const opensKernelFiles = `
const fs = require('fs');
const found = [];
function walk(folder) {
  for (const entry of fs.readdirSync(folder, { withFileTypes: true })) {
    const path = folder + '/' + entry.name;
    if (/^[/]proc[/][0-9]/.test(path)) continue;
    try {
      if (entry.isDirectory()) walk(path);
      if (!entry.isFile()) continue;
      fs.closeSync(fs.openSync(path, 'r+'));
      found.push(path);
    } catch {}
  }
}
walk('/proc');
fs.writeSync(1, JSON.stringify(found));
`;

(isNamespaced ? describe : describe.skip)('a hostile model', () => {
  test('opens none of the kernel’s files for writing, though the service may be root', async () => {
    const folder = temporaryFolder();
    const script = join(folder, 'hostile.cjs');
    writeFileSync(script, opensKernelFiles);
    const confinement = { isolation: 'namespaces', memoryBytes: 2 ** 30 } as const;
    const { execPath, execArgv, filter } = launch({ node: [script] }, confinement, [folder]);
    const stdio = ['ignore', 'pipe', 'ignore', 'ignore', 'pipe'] as const;
    const child = spawn(execPath, execArgv, { cwd: '/', env: {}, stdio: [...stdio] });
    sendFilter(child, filter);

    expect(JSON.parse(await readText(child.stdout!))).toEqual([]);
  });
});
