import { chmodSync, copyFileSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, describe, expect, test } from '@jest/globals';
import Libsql from 'libsql';
import { mlapi, serve, startCompiled } from '../support/child.ts';
import { decodeToken } from '../support/forge.ts';
import { FakeClock, startService, temporaryFolder, type TestService, type Tokens } from '../support/service.ts';

/** Each test starts many processes, one after the other. */
const manyProcessesMs = 180_000;

function startNow(dataDir = temporaryFolder()): Promise<TestService> {
  const clock = new FakeClock();
  // The command line uses the real clock.
  clock.now = Date.now();
  return startService({}, { clock, dataDir });
}

function readRows<R>(file: string, query: string): R[] {
  const database = new Libsql(file);
  try {
    return database.prepare(query).all() as R[];
  } finally {
    database.close();
  }
}

/** A service with a client of each kind and a backup of it, followed by the changes that operator and clients make. */
async function startWithHistory() {
  const service = await startNow();
  const { services } = service;
  const current = await service.newClient('current');
  const revoked = await service.newClient('revoked');
  const unused = await services.clients.add('unused');
  const spentLater = await services.clients.add('spent-later');
  const [key] = services.keys.list();
  const file = join(temporaryFolder(), 'backup.db');
  const backup = await mlapi(service.dataDir, ['backup', file]);
  const plain = join(temporaryFolder(), 'plain.db');
  new Libsql(join(service.dataDir, 'mlapi.db')).exec(`vacuum into '${plain}'`);
  await service.http.post('/auth/revoke').send({ token: revoked.tokens.refresh_token }).expect(200);
  const { body: later } = await service.reset('spent-later', spentLater).expect(200);
  const passwords = { current: current.password, revoked: revoked.password, unused, 'spent-later': spentLater };
  const tokens = [current.tokens, revoked.tokens, later as Tokens];
  return { service, backup, file, plain, passwords, tokens, kid: key!.kid };
}

type History = Awaited<ReturnType<typeof startWithHistory>>;

async function expectNothingCameBack(restored: TestService, { passwords, tokens, kid }: History): Promise<void> {
  for (const { access_token, refresh_token } of tokens) {
    await restored.session(access_token).expect(401);
    await restored.refresh(refresh_token).expect(401);
  }
  for (const [name, password] of Object.entries(passwords)) await restored.reset(name, password).expect(401);
  const { body } = await restored.http.get('/.well-known/jwks.json').expect(200);
  expect(body.keys).toHaveLength(1);
  expect(body.keys[0].kid).not.toBe(kid);
  const fresh = await restored.services.clients.resetPassword('unused');
  const { body: answer } = await restored.reset('unused', fresh).expect(200);
  await restored.session((answer as Tokens).access_token).expect(200);
}

describe('backup and restore', () => {
  let history: History;
  afterAll(() => history.service.close());

  test('a backup is a complete file, readable by its owner only, without password hashes, sealed keys or live families', async () => {
    history = await startWithHistory();
    const { backup, file, service, plain } = history;
    expect(backup).toEqual({ code: 0, stdout: `${file}\n`, stderr: '' });
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readdirSync(join(file, '..'))).toEqual(['backup.db']);
    expect(readRows(file, 'pragma integrity_check')).toEqual([{ integrity_check: 'ok' }]);
    expect(readRows(file, 'select name from clients where password_spent_at is null')).toEqual([]);
    expect(readRows(file, 'select id from token_families where ended_at is null')).toEqual([]);
    expect(readRows(file, 'select id from token_families')).toHaveLength(2);
    expect(readRows(file, "select detail from audit_events where event = 'credentials_voided'")).toEqual([
      { detail: 'backup' },
    ]);
    const secrets = [
      ...readRows<{ password_hash: string }>(plain, 'select password_hash from clients').map(
        (row) => row.password_hash,
      ),
      ...readRows<{ sealed_private_key: string }>(plain, 'select sealed_private_key from signing_keys').map(
        (row) => row.sealed_private_key,
      ),
    ];
    expect(secrets).toHaveLength(5);
    const [bytes, plainBytes] = [readFileSync(file), readFileSync(plain)];
    for (const secret of secrets) {
      // SQLite spreads long text over pages, so search for a piece of it.
      const piece = secret.slice(-40);
      expect(plainBytes.includes(piece)).toBe(true);
      expect(bytes.includes(piece)).toBe(false);
    }
    await service.newClient('after');
  });

  test.each(['file', 'plain'] as const)(
    'restoring a backup or another copy (%s): revoked and spent credentials stay invalid, and the service serves',
    async (which) => {
      const dataDir = join(temporaryFolder(), 'new');
      const { code, stdout, stderr } = await mlapi(dataDir, ['restore', history[which]]);
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      expect(stdout).toMatch(/^each client needs a new password .*:\ncurrent\nrevoked\nspent-later\nunused\n$/);
      expect(statSync(dataDir).mode & 0o777).toBe(0o700);
      expect(statSync(join(dataDir, 'mlapi.db')).mode & 0o777).toBe(0o600);
      const restored = await startNow(dataDir);
      await expectNothingCameBack(restored, history);
      await restored.close();
    },
  );

  test('a backup put in place with cp is as safe', async () => {
    const dataDir = temporaryFolder();
    copyFileSync(history.file, join(dataDir, 'mlapi.db'));
    const restored = await startNow(dataDir);
    await expectNothingCameBack(restored, history);
    await restored.close();
  });

  test('a backup made before a migration restores too: from a database without reusable clients', async () => {
    const dataDir = temporaryFolder();
    copyFileSync(history.plain, join(dataDir, 'mlapi.db'));
    chmodSync(join(dataDir, 'mlapi.db'), 0o600);
    const older = new Libsql(join(dataDir, 'mlapi.db'));
    for (const column of ['secret_digest', 'secret_changed_at', 'previous_secret_digest', 'previous_secret_ends_at'])
      older.exec(`alter table clients drop column ${column}`);
    for (const index of ['model_versions_serving', 'model_versions_newest', 'model_versions_owned'])
      older.exec(`drop index ${index}`);
    older.exec('create index model_versions_by_owner on model_versions (owner_id, retired_at)');
    older.exec("delete from kysely_migration where name >= '004'");
    older.close();
    expect((await mlapi(dataDir, ['clients', 'list'])).stderr).toContain('the database lacks 004-client-secrets');
    const file = join(temporaryFolder(), 'older.db');

    expect(await mlapi(dataDir, ['backup', file])).toEqual({ code: 0, stdout: `${file}\n`, stderr: '' });

    expect(readRows(file, 'select name from clients where password_spent_at is null')).toEqual([]);
    expect((await mlapi(dataDir, ['migrate'])).stdout).toBe('004-client-secrets\n005-model-lists\n');
    expect((await mlapi(dataDir, ['clients', 'list'])).stdout).toContain('unused\tpassword unused\t');
  });

  test('--in-place: makes a database safe that was restored by other means, also beside a running service', async () => {
    const dataDir = temporaryFolder();
    copyFileSync(history.plain, join(dataDir, 'mlapi.db'));
    chmodSync(join(dataDir, 'mlapi.db'), 0o600);
    const restored = await startNow(dataDir);
    await restored.session(history.tokens[1]!.access_token).expect(200);

    expect((await mlapi(dataDir, ['restore', '--in-place'])).stdout).toContain('\nunused\n');

    const publishedKids = () => restored.services.keys.publicKeys().map(({ kid }) => kid);
    while (publishedKids().length === 0 || publishedKids().includes(history.kid)) await delay(50);
    restored.clock.now = Date.now();
    await expectNothingCameBack(restored, history);
    await restored.close();
  });
});

describe('a backup while the service writes', () => {
  test(
    'holds every write acknowledged before it began, and no request fails',
    async () => {
      const setup = await startNow();
      const { dataDir } = setup;
      const families = await Promise.all(Array.from({ length: 8 }, async () => (await setup.newClient()).tokens));
      await setup.services.database.transaction().execute(async (queries) => {
        const row = { at: 1, event: 'reset', detail: 'x'.repeat(1_000) };
        for (let count = 0; count < 100; count += 1)
          await queries
            .insertInto('audit_events')
            .values(Array.from({ length: 100 }, () => row))
            .execute();
      });
      await setup.close();
      const { service, url } = await serve(dataDir, { variables: { MLAPI_AUTH_RATE_LIMIT_PER_MINUTE: '1000000' } });
      const acknowledged = new Map<string, number>();
      const statuses = new Set<number>();
      let isOver = false;
      const write = async ({ refresh_token }: Tokens): Promise<void> => {
        const headers = { authorization: `Bearer ${refresh_token}` };
        const response = await fetch(`${url}/auth/refresh`, { method: 'POST', headers });
        statuses.add(response.status);
        const tokens = (await response.json()) as Tokens;
        const { fid, gen } = decodeToken(tokens.refresh_token).claims as { fid: string; gen: number };
        acknowledged.set(fid, gen);
        if (!isOver) await write(tokens);
      };
      const writers = Promise.all(families.map(write));
      const file = join(temporaryFolder(), 'backup.db');
      while (acknowledged.size < families.length) await Promise.race([delay(10), writers]);

      const before = new Map(acknowledged);
      const { code, stderr } = await mlapi(dataDir, ['backup', file]);
      const after = new Map(acknowledged);
      isOver = true;
      await writers;

      expect({ code, stderr, statuses: [...statuses] }).toEqual({ code: 0, stderr: '', statuses: [200] });
      expect(readRows(file, 'pragma integrity_check')).toEqual([{ integrity_check: 'ok' }]);
      const copied = new Map(
        readRows<{ id: string; generation: number }>(file, 'select id, generation from token_families').map(
          ({ id, generation }) => [id, generation],
        ),
      );
      for (const [id, generation] of before) {
        expect(copied.get(id)).toBeGreaterThanOrEqual(generation);
        expect(after.get(id)).toBeGreaterThan(generation);
      }
      await service.kill('SIGTERM');
    },
    manyProcessesMs,
  );

  test('leaves no file at the target if it is killed half way', async () => {
    const dataDir = temporaryFolder();
    await (await startNow(dataDir)).close();
    const database = new Libsql(join(dataDir, 'mlapi.db'));
    database.exec(`insert into audit_events (at, event, detail)
      with recursive n(i) as (select 1 union all select i + 1 from n where i < 60000) select 1, 'reset', hex(randomblob(500)) from n`);
    database.close();
    const folder = temporaryFolder();
    const command = startCompiled('mlapi/cli/main.ts', ['backup', join(folder, 'backup.db')], {
      variables: { MLAPI_DATA_DIR: dataDir },
    });
    const size = () => readdirSync(folder).map((name) => statSync(join(folder, name)).size)[0] ?? 0;
    while (size() < 1_000_000 && command.child.exitCode === null) await delay(2);

    await command.kill();

    expect(readdirSync(folder).length).toBeGreaterThan(0);
    expect(readdirSync(folder)).not.toContain('backup.db');
  });
});

describe('refusals that change nothing', () => {
  test(
    '1: the file exists, the database does not, it is not a database, or it is PostgreSQL',
    async () => {
      const dataDir = temporaryFolder();
      const folder = temporaryFolder();
      const taken = join(folder, 'taken');
      writeFileSync(taken, 'mine');
      const refusals: [readonly string[], string, Readonly<Record<string, string>>?][] = [
        [['backup', join(folder, 'new')], 'there is no database at'],
        [['restore', join(folder, 'nothing')], 'there is no database at'],
        [['restore', taken], 'not a database'],
        [['backup'], 'expected one file'],
        [['restore', taken, '--in-place'], 'exclude each other'],
        [['backup', join(folder, 'new')], 'pg_dump', { MLAPI_DATABASE_URL: 'postgres://localhost/mlapi' }],
        [['restore', taken], '--in-place', { MLAPI_DATABASE_URL: 'postgres://localhost/mlapi' }],
      ];
      const outcomes = refusals.map(async ([words, message, variables = {}]) => {
        const refused = await mlapi(dataDir, words, { variables });
        expect(refused).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining(message) });
      });
      await Promise.all(outcomes);
      expect(readdirSync(folder)).toEqual(['taken']);
      expect(readdirSync(dataDir)).toEqual([]);

      await (await startNow(dataDir)).close();
      expect((await mlapi(dataDir, ['backup', taken])).stderr).toContain('exists already');
      expect(readFileSync(taken, 'utf8')).toBe('mine');
      const good = join(folder, 'good');
      expect((await mlapi(dataDir, ['backup', good])).code).toBe(0);
      expect((await mlapi(dataDir, ['restore', good])).stderr).toContain('stop the service, and move these');
      const log = join(folder, 'log');
      mkdirSync(log);
      writeFileSync(join(log, 'mlapi.db-wal'), 'left behind');
      expect((await mlapi(log, ['restore', good])).stderr).toContain('mlapi.db-wal');
    },
    manyProcessesMs,
  );

  test('1: a damaged file is not restored', async () => {
    const dataDir = temporaryFolder();
    await (await startNow(dataDir)).close();
    const file = join(temporaryFolder(), 'backup.db');
    await mlapi(dataDir, ['backup', file]);
    const bytes = readFileSync(file);
    bytes.fill(0xff, 4_096, 3 * 4_096);
    writeFileSync(file, bytes);
    const target = temporaryFolder();
    const { code, stderr } = await mlapi(target, ['restore', file]);
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: expect.stringMatching(/^mlapi: .* was not copied to .*malformed.*\n$/),
    });
    expect(readdirSync(target)).toEqual([]);
  });
});
