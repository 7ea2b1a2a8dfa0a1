import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { startScript } from '../support/child.ts';
import { startService } from '../support/service.ts';

/** The rows in CSV, by their labels. */
const csvLabels = /^dos\nnormal\nprobe\n$/m;

const printed = [/^nsl-kdd-classifier 1$/m, /predictions: \[ '\w+' \]/, csvLabels];

test('the documented program lists, predicts, and revokes its tokens', async () => {
  const service = await startService();
  const password = await service.services.clients.add('demo', { scopes: ['models:predict', 'models:read'] });
  const [, program = ''] = /```ts\n(\/\/ try\.ts[^]*?)```/.exec(readFileSync('files/clients.md', 'utf8')) ?? [];
  // Beside application.ts, so that its import resolves.
  const path = `.try-${process.pid}.ts`;
  writeFileSync(path, program.replace('http://127.0.0.1:8080', service.url));
  try {
    const script = startScript(path, [password], { cwd: process.cwd() });
    const { code } = await script.ended;

    expect([code, script.stderr]).toEqual([0, '']);
    for (const text of printed) expect(script.stdout).toMatch(text);
  } finally {
    rmSync(path);
    await service.close();
  }
});
