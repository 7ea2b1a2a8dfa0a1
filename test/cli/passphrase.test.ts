import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, test } from '@jest/globals';
import { KeyManager } from '../../mlapi/auth/keys/key-manager.ts';
import { KeyStore } from '../../mlapi/auth/stores/key-store.ts';
import { childVariables, mlapi, serve, startCompiled } from '../support/child.ts';
import { startService, temporaryFolder } from '../support/service.ts';

/** Each test starts many processes, one after the other. */
const manyProcessesMs = 180_000;

const old = childVariables.MLAPI_KEY_PASSPHRASE ?? '';
const fresh = 'the new passphrase of these tests';
const change = ['keys', 'change-passphrase', '--stdin'];

describe('keys change-passphrase', () => {
  test(
    'a running service keeps working, and restarts with a file that holds the new passphrase',
    async () => {
      const dataDir = temporaryFolder();
      const { service, url } = await serve(dataDir);
      const jwks = async (from: string) => (await fetch(`${from}/.well-known/jwks.json`)).text();
      const before = await jwks(url);

      const changed = await mlapi(dataDir, change, { input: `${fresh}\n` });

      expect(changed).toMatchObject({ code: 0, stderr: '', stdout: expect.stringMatching(/^1 keys encrypted/) });
      expect(changed.stdout).not.toContain(fresh);
      expect(await jwks(url)).toBe(before);
      expect((await service.kill('SIGTERM')).code).toBe(0);

      const path = join(temporaryFolder(), 'passphrase');
      writeFileSync(path, `${fresh}\n`);
      chmodSync(path, 0o400);
      const again = await serve(dataDir, { variables: { MLAPI_KEY_PASSPHRASE: '', MLAPI_KEY_PASSPHRASE_FILE: path } });
      expect(await jwks(again.url)).toBe(before);
      await again.service.kill('SIGTERM');
    },
    manyProcessesMs,
  );

  test(
    'killed at any moment, it leaves all keys under one passphrase, the old or the new',
    async () => {
      const service = await startService();
      const { dataDir, clock } = service;
      await service.services.keys.rotate();
      await service.services.keys.rotate();
      const store = new KeyStore(service.services.database);
      const opens = (keyPassphrase: string) =>
        KeyManager.open({ store, config: { ...service.services.config, keyPassphrase }, clock: clock.read }).then(
          (keys) => keys.list().length,
          () => 0,
        );
      const startedAt = performance.now();
      await mlapi(dataDir, change, { input: fresh });
      const wholeMs = performance.now() - startedAt;
      let [now, next] = [fresh, old];

      // The lock is held from before the keys are read until after the commit.
      for (const part of [0.7, 0.8, 0.9, 1]) {
        const variables = { MLAPI_DATA_DIR: dataDir, MLAPI_KEY_PASSPHRASE: now };
        const command = startCompiled('mlapi/cli/main.ts', change, { variables });
        command.child.stdin?.end(next);
        await Promise.race([delay(wholeMs * part), command.ended]);
        await command.kill();
        const counts = [await opens(now), await opens(next)];
        expect([...counts].sort()).toEqual([0, 3]);
        if (counts[1] === 3) [now, next] = [next, now];
      }
      await service.close();
    },
    manyProcessesMs,
  );

  test.each([
    ['neither source', ['keys', 'change-passphrase'], 'expected --stdin or --prompt'],
    ['both', ['keys', 'change-passphrase', '--stdin', '--prompt'], 'exclude each other'],
    ['an argument', [...change, fresh], 'expected options only'],
    ['one that is too short', change, '16 to 1024 characters'],
  ])('1: %s', async (_what, words, message) => {
    const refused = await mlapi(temporaryFolder(), words, { input: 'too short' });
    expect(refused).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining(message) });
  });
});
