import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { startScript } from '../support/child.ts';
import { startService } from '../support/service.ts';

test('the documented program lists, predicts, sends CSV, and revokes its tokens', async () => {
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
    expect(script.stdout).toMatch(/^nsl-kdd-classifier 1$/m);
    expect(script.stdout).toMatch(/predictions: \[ '\w+' \]/);
    expect(script.stdout).toMatch(/^dos\nnormal\nprobe\n$/m);
  } finally {
    rmSync(path);
    await service.close();
  }
});
