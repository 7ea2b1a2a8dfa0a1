import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, test } from '@jest/globals';
import { startScript, type TestProcess } from '../support/child.ts';
import { freePort } from '../support/nginx.ts';
import { temporaryFolder } from '../support/service.ts';

const bash = promisify(execFile);

async function startDevelopment(
  dataDir: string,
  port = 0,
): Promise<{ service: TestProcess; password: string; lines: string }> {
  const place = { MLAPI_DATA_DIR: dataDir, MLAPI_PORT: String(port) };
  const variables = { NODE_ENV: '', MLAPI_KEY_PASSPHRASE: '', ...place };
  const service = startScript('mlapi/cli/dev.ts', [], { variables });
  const [, password = '', lines = ''] = await service.says(
    /username: demo\npassword: (\S+)\n\nPaste these[^\n]*\n\n((?:[^\n]+\n){3})/,
  );
  return { service, password, lines };
}

/** Runs the first line, which sets TOKEN. */
async function tokenOf(lines: string): Promise<string> {
  const [reset = ''] = lines.split('\n');
  return (await bash('bash', ['-c', `${reset}\nprintf %s "$TOKEN"`])).stdout;
}

async function sessionStatus(port: number, token: string): Promise<number> {
  const headers = { authorization: `Bearer ${token}` };
  return (await fetch(`http://127.0.0.1:${port}/auth/session`, { headers })).status;
}

describe('npm run dev', () => {
  test('in an empty folder the three printed lines return a label; tokens survive a restart and kill -9', async () => {
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

  test('two ports, one folder: a token is valid only at its own port, until the client resets at the other', async () => {
    const dataDir = temporaryFolder();
    const ports = [await freePort(), await freePort()] as const;
    const first = await startDevelopment(dataDir, ports[0]);
    const token = await tokenOf(first.lines);
    const second = await startDevelopment(dataDir, ports[1]);

    expect([await sessionStatus(ports[0], token), await sessionStatus(ports[1], token)]).toEqual([200, 401]);
    const other = await tokenOf(second.lines);
    expect([await sessionStatus(ports[0], token), await sessionStatus(ports[1], other)]).toEqual([401, 200]);
    await Promise.all([first.service.kill(), second.service.kill()]);
  });

  test('is refused in production', async () => {
    const service = startScript('mlapi/cli/dev.ts', [], { variables: { NODE_ENV: 'production' } });
    expect((await service.ended).code).toBe(1);
    expect(service.stderr).toBe('mlapi: npm run dev is not for production: use npm start\n');
  });
});
