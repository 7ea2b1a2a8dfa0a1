import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { mlapi } from '../support/child.ts';
import { projectRoot } from '../support/compiled.ts';
import { startService, temporaryFolder, type TestService } from '../support/service.ts';

let service: TestService;
let session: string;
let password: string;
const folder = temporaryFolder();
beforeAll(async () => {
  service = await startService();
  session = join(folder, 'session.json');
  password = await service.services.clients.add('remote', { scopes: ['models:predict'] });
});
afterAll(() => service.close());

/** Away from the service: no data directory, no keys, no models. */
const remote = (words: readonly string[], input = '') =>
  mlapi(folder, ['remote', ...words], { input, variables: { MLAPI_KEY_PASSPHRASE: '', MLAPI_MODELS_DIR: '' } });
const rows = (name: string) => join(projectRoot, 'files/requests', name);
const model = 'nsl-kdd-classifier';
const predict = (...words: string[]) => ['predict', model, ...words, '--session', session];

describe('remote', () => {
  test('login spends the password from standard input, prints no token, and writes a file readable by the owner only', async () => {
    const login = ['login', service.url, 'remote', '--session', session, '--stdin'];
    expect(await remote(login, `${password}\n`)).toEqual({ code: 0, stdout: 'models:predict\n', stderr: '' });
    expect(statSync(session).mode & 0o777).toBe(0o600);
    expect(readFileSync(session, 'utf8')).not.toContain(password);
    const again = await remote(login, `${password}\n`);
    expect(again).toMatchObject({ code: 1, stderr: expect.stringContaining('401 invalid_client') });
    expect(again.stderr).not.toContain(password);
  });

  test('predict sends the rows of a file or of standard input, and prints the response', async () => {
    const expected = { model, version: '1', predictions: ['dos', 'normal', 'probe'] };
    const fromFile = await remote(predict(rows('three-rows.json'), '--version', '1'));
    expect([JSON.parse(fromFile.stdout), fromFile.stderr]).toEqual([expected, '']);
    const fromInput = await remote(predict('-', '--scores'), readFileSync(rows('three-rows.json'), 'utf8'));
    expect(JSON.parse(fromInput.stdout)).toMatchObject({ ...expected, scores: expect.any(Array) });
  });

  test('predict sends CSV as it is, and prints CSV', async () => {
    const table = await remote(predict(rows('three-rows.csv')));

    expect(table).toEqual({ code: 0, stdout: 'prediction\r\ndos\r\nnormal\r\nprobe\r\n', stderr: '' });
  });

  test('an expired token is replaced, and the file holds the new one for the next command', async () => {
    const before = readFileSync(session, 'utf8');
    service.clock.advanceSeconds(901);
    for (let command = 0; command < 2; command += 1) expect((await remote(predict(rows('one-row.json')))).code).toBe(0);
    expect(readFileSync(session, 'utf8')).not.toBe(before);
    expect(existsSync(`${session}.lock`)).toBe(false);
  });

  test('an error names the row and the request id', async () => {
    const { code, stdout, stderr } = await remote(predict('-'), '[[1]]');
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(/^mlapi: 400 invalid_rows: .* \(request [\w-]+\)\n {2}\/0/);
  });

  test('no session, a session in use and invalid JSON are reported before anything is sent', async () => {
    const other = join(folder, 'other.json');
    writeFileSync(other, '{"url":"secret');
    const noSession = await remote(['predict', model, rows('one-row.json'), '--session', other]);
    expect(noSession).toMatchObject({ code: 1, stderr: expect.stringContaining('is not a session file') });
    expect(noSession.stderr).not.toContain('secret');
    expect((await remote(predict('-'), '{')).stderr).toContain('- is not JSON');
    writeFileSync(`${session}.lock`, '');
    expect((await remote(predict(rows('one-row.json')))).stderr).toContain('another command uses');
  });
});
