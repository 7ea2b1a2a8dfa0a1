import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, test } from '@jest/globals';
import { startScript, type TestProcess } from '../support/child.ts';
import { temporaryFolder } from '../support/service.ts';

const bash = promisify(execFile);

async function startDevelopment(dataDir: string): Promise<{ service: TestProcess; password: string; lines: string }> {
  const variables = { NODE_ENV: '', MLAPI_KEY_PASSPHRASE: '', MLAPI_DATA_DIR: dataDir };
  const service = startScript('mlapi/cli/dev.ts', [], { variables });
  const [, password = '', lines = ''] = await service.says(
    /username: demo\npassword: (\S+)\n\nPaste these[^\n]*\n\n((?:[^\n]+\n){3})/,
  );
  return { service, password, lines };
}

describe('npm run dev', () => {
  test('an empty folder: the three lines that it prints get a label; tokens outlive restart and kill -9', async () => {
    const dataDir = temporaryFolder();
    const first = await startDevelopment(dataDir);

    const { stdout } = await bash('bash', ['-c', `${first.lines}\necho "TOKEN=$TOKEN"`]);
    expect(stdout).toContain('"predictions":["dos"]');
    expect(stdout).toContain('"openapi":"3.1');
    const token = /TOKEN=(\S+)/.exec(stdout)?.[1] ?? '';
    await first.service.kill('SIGKILL');

    const second = await startDevelopment(dataDir);
    expect(second.password).not.toBe(first.password);
    const url = /http:\/\/127\.0\.0\.1:\d+/.exec(second.lines)?.[0] ?? '';
    const session = await fetch(`${url}/auth/session`, { headers: { authorization: `Bearer ${token}` } });
    expect(session.status).toBe(200);
    expect(await second.service.kill('SIGTERM')).toEqual({ code: 0, signal: null });
  });

  test('production refuses it', async () => {
    const service = startScript('mlapi/cli/dev.ts', [], { variables: { NODE_ENV: 'production' } });
    expect((await service.ended).code).toBe(1);
    expect(service.stderr).toBe('mlapi: npm run dev is not for production: use npm start\n');
  });
});
