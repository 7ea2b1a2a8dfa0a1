import { chmodSync, chownSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { makeCertificate } from '../../mlapi/cli/certificate.ts';
import { mlapi, serve } from '../support/child.ts';
import { hasPostgres, TestPostgres } from '../support/postgres.ts';
import { temporaryFolder } from '../support/service.ts';

const describeOnPostgres = hasPostgres('the start on PostgreSQL, with TLS') ? describe : describe.skip;

describeOnPostgres('starting on PostgreSQL', () => {
  const folder = temporaryFolder();
  const rootFile = join(folder, 'root.pem');
  const otherRootFile = join(folder, 'other.pem');
  let server: TestPostgres;
  let deadPort: number;
  beforeAll(async () => {
    server = await TestPostgres.start();
    await server.stop();
    const { certificate, key } = makeCertificate(['127.0.0.1'], 1);
    writeFileSync(rootFile, certificate);
    writeFileSync(otherRootFile, makeCertificate(['127.0.0.1'], 1).certificate);
    const { uid, gid } = statSync(server.dataFolder);
    for (const [name, text] of Object.entries({ 'server.crt': certificate, 'server.key': key })) {
      const path = join(server.dataFolder, name);
      writeFileSync(path, text);
      chmodSync(path, 0o600);
      chownSync(path, uid, gid);
    }
    await server.run(['ssl=on']);
    const dead = createServer();
    await new Promise<void>((resolve) => dead.listen(0, '127.0.0.1', resolve));
    deadPort = (dead.address() as AddressInfo).port;
    await new Promise<void>((resolve) => dead.close(() => resolve()));
  });
  afterAll(() => server.close());

  const changed = (change: (url: URL) => void) => {
    const url = new URL(server.url());
    change(url);
    return url.href;
  };
  const verified = (root: string) => (url: URL) => {
    url.searchParams.set('sslmode', 'verify-full');
    url.searchParams.set('sslrootcert', root);
  };
  const command = (databaseUrl: string, words: readonly string[]) =>
    mlapi(temporaryFolder(), words, { variables: { MLAPI_DATABASE_URL: databaseUrl } });

  const faults: [string, (url: URL) => void, RegExp][] = [
    ['connection refused', (url) => (url.port = String(deadPort)), /ECONNREFUSED/],
    ['a wrong password', (url) => (url.password = 'wrong-secret'), /password authentication failed/],
    ['an unknown database', (url) => (url.pathname = '/nowhere'), /database "nowhere" does not exist/],
    ['an unknown host', (url) => (url.hostname = 'nowhere.invalid'), /ENOTFOUND|EAI_AGAIN|timeout/],
    ['a certificate of an unknown authority', (url) => verified(otherRootFile)(url), /certificate/],
    [
      'a certificate for another name',
      (url) => {
        verified(rootFile)(url);
        url.hostname = 'localhost';
      },
      /altnames/,
    ],
    ['no root certificate where it should be', (url) => verified('/nonexistent/root.pem')(url), /ENOENT/],
  ];

  test.each(faults)('%s: one clear line, code 1, and no password', async (_name, change, reason) => {
    const databaseUrl = changed(change);
    const outcomes = await Promise.all([['serve'], ['clients', 'list']].map((words) => command(databaseUrl, words)));
    for (const { code, stdout, stderr } of outcomes) {
      expect(code).toBe(1);
      expect(stderr).toMatch(/^mlapi: the database of MLAPI_DATABASE_URL cannot be used: [^\n]+\n$/);
      expect(stderr).toMatch(reason);
      expect(stdout + stderr).not.toContain(new URL(databaseUrl).password);
    }
  });

  test('with verified TLS: migrate, a client, a key and the service', async () => {
    const { pathname } = new URL(await server.newDatabase());
    const databaseUrl = changed((url) => {
      verified(rootFile)(url);
      url.pathname = pathname;
    });
    const first = await command(databaseUrl, ['migrate']);
    expect(first).toEqual({
      code: 0,
      stdout: '001-clients-tokens-keys-audit\n002-models\n003-traffic\n004-client-secrets\n005-model-lists\n',
      stderr: '',
    });
    expect((await command(databaseUrl, ['migrate'])).stdout).toBe('nothing to migrate\n');
    const { stdout } = await command(databaseUrl, ['clients', 'add', 'reader']);
    const password = /^password: (.*)$/m.exec(stdout)?.[1] ?? '';

    const variables = { MLAPI_DATABASE_URL: databaseUrl };
    const { service, url } = await serve(temporaryFolder(), { variables });
    const form = { method: 'POST', body: new URLSearchParams({ username: 'reader', password }) };
    expect((await fetch(`${url}/auth/reset`, form)).status).toBe(200);
    const sessions = await server.query(
      `select ssl from pg_stat_ssl join pg_stat_activity using (pid) where application_name = 'mlapi'`,
    );
    expect(sessions.length).toBeGreaterThan(0);
    expect(sessions.every(({ ssl }) => ssl === true)).toBe(true);
    expect(await service.kill('SIGTERM')).toEqual({ code: 0, signal: null });
    expect(service.stdout + service.stderr).not.toContain(new URL(databaseUrl).password);
  });

  test('on a Unix socket, with the role and database that the README creates', async () => {
    const written = /```sql\n([\s\S]*?)```/.exec(readFileSync('files/operations.md', 'utf8'))?.[1] ?? '';
    const statements = written.split(';').map((statement) => statement.trim());
    for (const statement of statements.filter(Boolean)) await server.query(statement);
    const databaseUrl = `postgres://mlapi:...@${encodeURIComponent(server.socketFolder)}:${server.port}/mlapi`;
    expect(await command(databaseUrl, ['clients', 'list'])).toEqual({ code: 0, stdout: '', stderr: '' });
    const owners = `select distinct tableowner as owner from pg_tables where schemaname = 'public'`;
    expect(await server.query(owners, 'mlapi')).toEqual([{ owner: 'mlapi' }]);
  });

  test('four processes that open the same empty database at once all start', async () => {
    const databaseUrl = await server.newDatabase();
    const outcomes = await Promise.all([1, 2, 3, 4].map(() => command(databaseUrl, ['keys', 'list'])));
    expect(outcomes.map(({ code, stderr }) => ({ code, stderr }))).toEqual(
      outcomes.map(() => ({ code: 0, stderr: '' })),
    );
    expect(new Set(outcomes.map(({ stdout }) => stdout)).size).toBe(1);
  });
});
