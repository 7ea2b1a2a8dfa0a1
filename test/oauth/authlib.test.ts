import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { startDiscoverable } from '../support/discoverable.ts';

/** A Python with the packages of test/oauth/requirements.txt. */
const python = process.env.TEST_AUTHLIB_PYTHON ?? '';
if (python === '') console.warn('SKIPPED: Authlib (TEST_AUTHLIB_PYTHON names no Python that has it)');

let started: Awaited<ReturnType<typeof startDiscoverable>>;
beforeAll(async () => {
  started = await startDiscoverable();
});
afterAll(() => started.close());

(python === '' ? test.skip : test)(
  'Authlib, unmodified: discovery, both grants, automatic token renewal, revocation',
  async () => {
    const { service, issuer } = started;
    const cron = { name: 'cron', secret: await service.services.clients.addReusable('cron') };
    const { name, tokens } = await service.newClient();

    const child = execFile(python, ['test/oauth/authlib_client.py', issuer]);
    child.stdin!.end(JSON.stringify({ cron, laptop: { name, tokens } }));
    let output = '';
    for (const stream of [child.stdout!, child.stderr!]) stream.on('data', (text: string) => (output += text));
    await once(child, 'close');

    expect(output.trim().split('\n')).toEqual([
      'discovery',
      'client_secret_basic',
      'client_secret_post',
      'renewal',
      'revocation',
    ]);
  },
);
