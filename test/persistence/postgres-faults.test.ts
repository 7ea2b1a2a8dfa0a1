import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { sql } from 'kysely';
import type { Response } from 'supertest';
import { hasPostgres, TestPostgres } from '../support/postgres.ts';
import { startService, type TestService, type Tokens } from '../support/service.ts';
import { TcpProxy } from '../support/tcp-proxy.ts';

const describeOnPostgres = hasPostgres('PostgreSQL lost while it serves') ? describe : describe.skip;
/** Nominally 2 s for a connection and 2.5 s for a query; the rest is for a busy machine. */
const boundMs = 10_000;

describeOnPostgres('PostgreSQL fails while the service runs', () => {
  let server: TestPostgres;
  let proxy: TcpProxy;
  let service: TestService;
  let databaseName: string;
  beforeAll(async () => {
    server = await TestPostgres.start();
    proxy = await TcpProxy.start(server.port);
    databaseName = new URL(await server.newDatabase()).pathname.slice(1);
    await server.query(`create role service login password 'of the service'; grant create on schema public to service`);
    await server.query('grant all on schema public to service', databaseName);
    const url = new URL(server.url(databaseName, proxy.port));
    url.username = 'service';
    url.password = 'of the service';
    service = await startService({ MLAPI_DATABASE_URL: url.href });
  });
  afterAll(async () => {
    await service.close();
    await proxy.close();
    await server.close();
  });

  /** Readiness checks once a second. */
  async function readiness(): Promise<number> {
    service.clock.advanceSeconds(1);
    return (await service.http.get('/api/readiness')).status;
  }

  function expectUnavailable({ status, headers, body }: Response): void {
    expect({ status, retryAfter: headers['retry-after'] }).toEqual({ status: 503, retryAfter: '1' });
    expect(JSON.stringify(body)).not.toMatch(/postgres|ECONN|127\.0\.0\.1|SQL|password/i);
  }

  /** Everything that needs the database answers 503 in time; liveness and whatever does not need it keep working. */
  async function expectAway({ name, password, tokens }: Awaited<ReturnType<TestService['newClient']>>): Promise<void> {
    const startedAt = performance.now();
    const answers = Promise.all([
      service.reset(name, password),
      service.reset('nobody-of-this-name', 'x'.repeat(32)),
      service.refresh(tokens.refresh_token),
      service.http.post('/auth/revoke').send({ token: tokens.access_token }),
      service.session(tokens.access_token),
      service.http.get('/api/ml').auth(tokens.access_token, { type: 'bearer' }),
      service.http.post('/api/ml').auth(tokens.access_token, { type: 'bearer' }).send([[]]),
    ]);
    await service.http.get('/api/liveness').expect(200);
    await service.http.get('/.well-known/jwks.json').expect(200);
    for (const answer of await answers) expectUnavailable(answer);
    expect(await readiness()).toBe(503);
    await service.session('no.such.token').expect(401);
    expect(performance.now() - startedAt).toBeLessThan(boundMs);
  }

  /** Without a restart of the service: old tokens are valid, and new ones are issued. */
  async function expectBack({ tokens }: Awaited<ReturnType<TestService['newClient']>>): Promise<void> {
    const deadline = performance.now() + boundMs;
    while ((await readiness()) !== 200) {
      expect(performance.now()).toBeLessThan(deadline);
      await delay(50);
    }
    await service.session(tokens.access_token).expect(200);
    const { body } = await service.refresh(tokens.refresh_token).expect(200);
    await service.session((body as Tokens).access_token).expect(200);
    await service.newClient();
  }

  test.each(['SIGINT', 'SIGKILL'] as const)(
    'stopped by %s and started again: 503, then recovery without a restart',
    async (signal) => {
      const client = await service.newClient();
      await server.stop(signal);
      await expectAway(client);
      await server.run();
      await expectBack(client);
    },
  );

  test('killed during resets and refreshes: 200, 401 or 503, never 500; acknowledged writes are kept', async () => {
    const clients = await Promise.all(Array.from({ length: 20 }, () => service.newClient()));
    const fresh = await Promise.all(
      clients.map(async ({ name }) => ({
        name,
        password: await service.services.clients.resetPassword(name, { keepTokens: true }),
      })),
    );
    const load = Promise.all([
      ...clients.map(({ tokens }) => service.refresh(tokens.refresh_token)),
      ...fresh.map(({ name, password }) => service.reset(name, password)),
    ]);
    await delay(30);
    await server.stop('SIGKILL');
    const answers = await load;
    expect(answers.map(({ status }) => status).filter((status) => ![200, 401, 503].includes(status))).toEqual([]);
    await server.run();
    await expectBack(await service.newClient().catch(() => service.newClient()));
    for (const [index, { name, password }] of fresh.entries()) {
      const { status, body } = answers[clients.length + index]!;
      if (status !== 200) continue;
      await service.session((body as Tokens).access_token).expect(200);
      await service.reset(name, password).expect(401);
    }
  });

  test('silent, as with a pulled cable: 503 in time, and the dead connections are dropped', async () => {
    const client = await service.newClient();
    proxy.isSilent = true;
    await expectAway(client);
    proxy.isSilent = false;
    await expectBack(client);
  });

  test('slow for 30 seconds, all tables locked: 503 in time, readiness included', async () => {
    const client = await service.newClient();
    const slow = server
      .query('begin; lock table clients, token_families, signing_keys; select pg_sleep(30)', databaseName)
      .catch(() => undefined);
    const isLocked = `select 1 from pg_locks where mode = 'AccessExclusiveLock' and granted`;
    while ((await server.query(isLocked, databaseName)).length < 3) await delay(20);
    await expectAway(client);
    await server.query(`select pg_terminate_backend(pid) from pg_stat_activity where query like '%pg_sleep(30)'`);
    await slow;
    await expectBack(client);
  });

  test('connection pool exhausted: 503 in time', async () => {
    const client = await service.newClient();
    let free = (): void => undefined;
    const freed = new Promise<void>((resolve) => (free = resolve));
    const holders = Array.from({ length: 10 }, () =>
      service.services.database.connection().execute(async (connection) => {
        await sql`select 1`.execute(connection);
        await freed;
      }),
    );
    while ((await server.query(`select 1 from pg_stat_activity where usename = 'service'`)).length < 10)
      await delay(20);
    await expectAway(client);
    free();
    await Promise.all(holders);
    await expectBack(client);
  });

  const ends = `select pg_terminate_backend(pid) from pg_stat_activity where usename = 'service'`;
  const refusals: [string, string, string][] = [
    ['another password', `alter role service password 'another'`, `alter role service password 'of the service'`],
    ['no connection left', 'alter role service connection limit 0', 'alter role service connection limit -1'],
    ['no login any more', 'alter role service nologin', 'alter role service login'],
  ];
  test.each(refusals)('%s: 503 until the operator repairs it', async (_name, breaks, repairs) => {
    const client = await service.newClient();
    await server.query(breaks);
    await server.query(ends);
    await expectAway(client);
    await server.query(repairs);
    await expectBack(client);
  });

  test('read-only, as after a fail-over: tokens are verified, nothing is written, not ready', async () => {
    const client = await service.newClient();
    const password = await service.services.clients.resetPassword(client.name, { keepTokens: true });
    const setReadOnly = async (value: string) => {
      await server.query(`alter system set default_transaction_read_only = ${value}`);
      await server.query('select pg_reload_conf()');
      const reading = sql<{ now: string }>`select current_setting('default_transaction_read_only') as now`;
      while ((await reading.execute(service.services.database)).rows[0]?.now !== value) await delay(20);
    };
    await setReadOnly('on');
    await service.session(client.tokens.access_token).expect(200);
    const serverProcess = sql<{ pid: number }>`select pg_backend_pid() as pid`;
    const [before] = (await serverProcess.execute(service.services.database)).rows;
    expectUnavailable(await service.refresh(client.tokens.refresh_token));
    // A new connection reaches the new server; the old one would stay with the standby.
    const stillThere = `select 1 from pg_stat_activity where pid = ${before?.pid}`;
    while ((await server.query(stillThere)).length > 0) await delay(20);
    expectUnavailable(await service.reset(client.name, password));
    expect(await readiness()).toBe(503);
    await setReadOnly('off');
    await expectBack(client);
    await service.reset(client.name, password).expect(200);
  });
});
