import {
  closeSync,
  cpSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from '@jest/globals';
import Libsql from 'libsql';
import { Passwords } from '../../../mlapi/auth/clients/passwords.ts';
import { mlapi, serve } from '../../support/child.ts';
import { temporaryFolder, type Tokens } from '../../support/service.ts';

const many = { variables: { MLAPI_AUTH_RATE_LIMIT_PER_MINUTE: '1000000', MLAPI_RATE_LIMIT_PER_MINUTE: '1000000' } };

/** A data directory with clients and tokens, not in use. */
const seed = temporaryFolder();
let tokens: Tokens;
beforeAll(async () => {
  await mlapi(seed, ['clients', 'add', 'caller']);
  const { stdout } = await mlapi(seed, ['tokens', 'issue', 'caller']);
  tokens = JSON.parse(stdout) as Tokens;
  const file = join(temporaryFolder(), 'users.csv');
  const hash = await (await Passwords.create()).hash('the same for all');
  writeFileSync(file, Array.from({ length: 2_000 }, (_, index) => `many-${index},"${hash}"\n`).join(''));
  expect((await mlapi(seed, ['clients', 'import', file])).code).toBe(0);
}, 120_000);

function copyOfSeed(): { dataDir: string; file: string } {
  const dataDir = temporaryFolder();
  cpSync(seed, dataDir, { recursive: true });
  return { dataDir, file: join(dataDir, 'mlapi.db') };
}

const ask = async (url: string, path: string, token: string, method = 'GET') => {
  const response = await fetch(url + path, { method, headers: { authorization: `Bearer ${token}` } });
  await response.text();
  return response;
};

describe('a damaged database stops the start with a clear message, and is not changed', () => {
  function overwrite(path: string, from: number, length: number): void {
    const file = openSync(path, 'r+');
    writeSync(file, Buffer.alloc(length, 0xa5), 0, length, from);
    closeSync(file);
  }

  test.each([
    ['a file that is not a database', (file: string) => writeFileSync(file, 'x'.repeat(8_192), { mode: 0o600 })],
    ['the first page', (file: string) => overwrite(file, 100, 3_000)],
    ['pages in the middle', (file: string) => overwrite(file, 5 * 4_096, 20 * 4_096)],
    ['pages at the end', (file: string) => overwrite(file, statSync(file).size - 8 * 4_096, 8 * 4_096)],
    ['cut off', (file: string) => truncateSync(file, Math.floor(statSync(file).size / 2))],
  ])('%s', async (_what, damage) => {
    const { dataDir, file } = copyOfSeed();
    damage(file);
    const before = readFileSync(file);
    const { code, stdout, stderr } = await mlapi(dataDir, ['serve']);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(/^mlapi: the database \S+ is damaged \(.*\): restore a backup\n$/);
    expect(readFileSync(file).equals(before)).toBe(true);
  });
});

describe('the write-ahead log', () => {
  test('without -shm, and with a log left by a crash: nothing is lost', async () => {
    const { dataDir, file } = copyOfSeed();
    const first = await serve(dataDir);
    const answer = await fetch(`${first.url}/auth/refresh`, {
      method: 'POST',
      headers: { authorization: `Bearer ${tokens.refresh_token}` },
    });
    const newer = (await answer.json()) as Tokens;
    await first.service.kill('SIGKILL');
    expect(statSync(`${file}-wal`).size).toBeGreaterThan(0);
    rmSync(`${file}-shm`, { force: true });
    const second = await serve(dataDir);
    expect((await ask(second.url, '/auth/session', newer.access_token)).status).toBe(200);
    expect((await ask(second.url, '/auth/refresh', newer.refresh_token, 'POST')).status).toBe(200);
    await second.service.kill('SIGTERM');
  });

  test('a log grown during a long read is reused afterwards', async () => {
    const { dataDir, file } = copyOfSeed();
    const { service, url } = await serve(dataDir, many);
    const reader = new Libsql(file);
    reader.exec('begin');
    reader.prepare('select count(*) from clients').all([]);
    let token = tokens.refresh_token;
    const refresh = async () => {
      const answer = await fetch(`${url}/auth/refresh`, {
        method: 'POST',
        headers: { authorization: `Bearer ${token}` },
      });
      expect(answer.status).toBe(200);
      token = ((await answer.json()) as Tokens).refresh_token;
    };
    while (statSync(`${file}-wal`).size < 5_000_000) await refresh();
    reader.exec('rollback');
    reader.close();
    // From now on it is overwritten from the beginning.
    const grown = statSync(`${file}-wal`).size;
    for (let turn = 0; turn < 100; turn += 1) await refresh();
    expect(statSync(`${file}-wal`).size).toBeLessThanOrEqual(grown + 100_000);
    await service.kill('SIGTERM');
  });
});

test('locked by another process for 11 s: 503 with Retry-After in time, liveness and reads keep working, writes recover', async () => {
  const { dataDir, file } = copyOfSeed();
  const { service, url } = await serve(dataDir, many);
  const other = new Libsql(file);
  other.exec('begin immediate');
  let slowestMs = 0;
  const lock = { isHeld: true };
  const probing = (async () => {
    while (lock.isHeld) {
      const startedAt = performance.now();
      expect((await fetch(`${url}/api/liveness`)).status).toBe(200);
      expect((await ask(url, '/auth/session', tokens.access_token)).status).toBe(200);
      slowestMs = Math.max(slowestMs, performance.now() - startedAt);
    }
  })();
  const heldUntil = performance.now() + 11_000;
  let answers = 0;
  for (; performance.now() < heldUntil; answers += 1) {
    const answer = await ask(url, '/auth/refresh', tokens.refresh_token, 'POST');
    expect(answer.status).toBe(503);
    expect(answer.headers.get('retry-after')).toBe('1');
  }
  // Each waits at most five seconds for the lock.
  expect(answers).toBeGreaterThanOrEqual(2);
  lock.isHeld = false;
  await probing;
  // A blocked thread would have delayed them as long as the refresh.
  expect(slowestMs).toBeLessThan(4_000);
  other.exec('rollback');
  other.close();
  expect((await ask(url, '/auth/refresh', tokens.refresh_token, 'POST')).status).toBe(200);
  await service.kill('SIGTERM');
});
