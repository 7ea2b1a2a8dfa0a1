import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, jest, test } from '@jest/globals';
import { childVariables, mlapi, serve } from '../support/child.ts';
import { hasPostgres, TestPostgres } from '../support/postgres.ts';
import { temporaryFolder } from '../support/service.ts';
import { allReady, childrenOf } from '../support/running.ts';

jest.setTimeout(240_000);

const old = childVariables.MLAPI_KEY_PASSPHRASE ?? '';
const fresh = 'the new passphrase of these tests';

describe('a worker that is restarted after a change', () => {
  test('reads the new passphrase from the file', async () => {
    const [dataDir, path] = [temporaryFolder(), join(temporaryFolder(), 'passphrase')];
    writeFileSync(path, old, { mode: 0o600 });
    const variables = { MLAPI_KEY_PASSPHRASE: '', MLAPI_KEY_PASSPHRASE_FILE: path };
    const { service, url } = await serve(dataDir, { variables });
    const { code } = await mlapi(dataDir, ['keys', 'change-passphrase', '--stdin'], { input: fresh, variables });
    expect(code).toBe(0);
    writeFileSync(path, fresh);

    process.kill(childrenOf(service)[0]!, 'SIGKILL');

    await service.says(/"worker could not start","reason":"wrong passphrase/);
    await allReady(url);
    expect(await service.kill('SIGTERM')).toEqual({ code: 0, signal: null });
  });

  const testOnPostgres = hasPostgres('a worker that ends while PostgreSQL is away') ? test : test.skip;
  testOnPostgres('while PostgreSQL is down: it is retried until PostgreSQL is back, then serves', async () => {
    const server = await TestPostgres.start();
    const { service, url } = await serve(temporaryFolder(), { variables: { MLAPI_DATABASE_URL: server.url() } });
    await server.stop();
    process.kill(childrenOf(service)[0]!, 'SIGKILL');
    // More often than a worker that fails to start for another reason is retried.
    await service.says(/(?:"worker could not start","reason":"the database of MLAPI_DATABASE_URL[^]*){7}/);
    await server.run();
    await allReady(url);
    expect(await service.kill('SIGTERM')).toEqual({ code: 0, signal: null });
    await server.close();
  });
});
