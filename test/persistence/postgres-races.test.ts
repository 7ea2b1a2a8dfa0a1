import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { sql } from 'kysely';
import { lockClient, setClientScopes } from '../../mlapi/auth/stores/client-store.ts';
import { KeyStore } from '../../mlapi/auth/stores/key-store.ts';
import { isStorageFault } from '../../mlapi/persistence/busy.ts';
import { openDatabase } from '../../mlapi/persistence/database.ts';
import { allMigrations } from '../../mlapi/features.ts';
import { prepareDatabase } from '../../mlapi/persistence/migrations.ts';
import { hasPostgres, TestPostgres } from '../support/postgres.ts';
import { FakeClock, startService, type TestService, type Tokens } from '../support/service.ts';

const describeOnPostgres = hasPostgres('races between two machines on one PostgreSQL') ? describe : describe.skip;

describeOnPostgres('two machines: two data directories and one PostgreSQL', () => {
  let server: TestPostgres;
  let one: TestService;
  let two: TestService;
  const graceSeconds = 10;
  beforeAll(async () => {
    server = await TestPostgres.start();
    const clock = new FakeClock();
    const variables = {
      MLAPI_DATABASE_URL: await server.newDatabase(),
      MLAPI_REFRESH_GRACE_SECONDS: String(graceSeconds),
    };
    // Both at once, on an empty database.
    [one, two] = await Promise.all([startService(variables, { clock }), startService(variables, { clock })]);
  });
  afterAll(async () => {
    await one.close();
    await two.close();
    await server.close();
  });

  const both = (count: number) => Array.from({ length: count }, (_, index) => (index % 2 === 0 ? one : two));
  const newClient = async () => one.newClient();
  /** Skips the grace period, in which a retry does not count as a replay. */
  const endGrace = () => one.clock.advanceSeconds(graceSeconds + 1);
  const revoke = (service: TestService, token: string) =>
    service.http.post('/auth/revoke').type('form').send({ token }).expect(200);

  test('started at once, two create one key, and so do four, 10 rounds', async () => {
    expect(one.dataDir).not.toBe(two.dataDir);
    const rows = await one.services.database.selectFrom('signing_keys').selectAll().execute();
    expect(rows).toHaveLength(1);

    const databaseUrl = await server.newDatabase();
    const database = openDatabase({ dataDir: one.dataDir, databaseUrl });
    await prepareDatabase(database, await allMigrations());
    const store = new KeyStore(database);
    for (let round = 0; round < 10; round += 1) {
      await database.deleteFrom('signing_keys').execute();
      await Promise.all(['a', 'b', 'c', 'd'].map((kid) => store.addFirst({ ...rows[0]!, kid })));
      expect(await store.list()).toHaveLength(1);
    }
    await database.destroy();
  });

  test('a reset raced between them, 20 rounds: exactly one 200', async () => {
    for (let round = 0; round < 20; round += 1) {
      const name = `reset-${round}`;
      const password = await one.services.clients.add(name);
      const answers = await Promise.all(both(8).map((service) => service.reset(name, password)));
      expect(answers.map(({ status }) => status).sort()).toEqual([200, ...Array.from({ length: 7 }, () => 401)]);
    }
  });

  test('a refresh raced between them, 20 rounds: within the grace period all get the same successor, as on SQLite', async () => {
    for (let round = 0; round < 20; round += 1) {
      const { tokens } = await newClient();
      const answers = await Promise.all(both(8).map((service) => service.refresh(tokens.refresh_token)));
      expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 8 }, () => 200));
      expect(new Set(answers.map(({ body }) => (body as Tokens).refresh_token)).size).toBe(1);
    }
  });

  test('401: a token spent at one is a replay at the other, and the family ends at both at once', async () => {
    const { tokens } = await newClient();
    const { body } = await one.refresh(tokens.refresh_token).expect(200);
    const next = body as Tokens;
    endGrace();
    await two.refresh(tokens.refresh_token).expect(401);
    await one.session(next.access_token).expect(401);
    await one.refresh(next.refresh_token).expect(401);
    await two.session(tokens.access_token).expect(401);
  });

  test('a revocation raced against a refresh, 30 rounds: no token of the family works after both', async () => {
    for (let round = 0; round < 30; round += 1) {
      const { tokens } = await newClient();
      const [{ status, body }] = await Promise.all([
        one.refresh(tokens.refresh_token),
        revoke(two, tokens.refresh_token),
      ]);
      expect([200, 401]).toContain(status);
      const usable = status === 200 ? [tokens, body as Tokens] : [tokens];
      for (const { access_token } of usable) await two.session(access_token).expect(401);
    }
  });

  test('a client disabled at one while it resets at the other, 30 rounds: no token survives, even once it is enabled', async () => {
    for (let round = 0; round < 30; round += 1) {
      const name = `disabled-${round}`;
      const password = await one.services.clients.add(name);
      const [{ status, body }] = await Promise.all([one.reset(name, password), two.services.clients.disable(name)]);
      expect([200, 401]).toContain(status);
      await one.services.clients.enable(name);
      if (status === 200) await one.session((body as Tokens).access_token).expect(401);
    }
  });

  test('tokens issued at one while the client is disabled at the other, 30 rounds: none survives', async () => {
    const { name } = await newClient();
    for (let round = 0; round < 30; round += 1) {
      const client = await one.services.clients.get(name);
      const [issued] = await Promise.allSettled([
        one.services.tokens.issue(client),
        two.services.clients.disable(name),
      ]);
      await one.services.clients.enable(name);
      if (issued.status === 'fulfilled') await one.session(issued.value.access_token).expect(401);
      else expect((issued.reason as Error).message).toBe(`the client "${name}" is disabled`);
    }
  });

  test('all operations at once on one client, 15 rounds: no deadlock, only 200 and 401', async () => {
    for (let round = 0; round < 15; round += 1) {
      const { name, tokens } = await newClient();
      const password = await one.services.clients.resetPassword(name, { keepTokens: true });
      const client = await one.services.clients.get(name);
      await Promise.all([one, two].map((service) => service.services.tokens.issue(client)));
      const answers = await Promise.all([
        ...both(4).map((service) => service.reset(name, password)),
        ...both(4).map((service) => service.refresh(tokens.refresh_token)),
        ...both(4).map((service) => revoke(service, tokens.refresh_token)),
        ...both(4).map((service) => service.services.clients.revokeTokens(name).then(() => ({ status: 200 }))),
        ...both(4).map((service) => service.services.clients.disable(name).then(() => ({ status: 200 }))),
        ...both(2).map((service) => service.services.tokens.purge().then(() => ({ status: 200 }))),
      ]);
      expect(answers.map(({ status }) => status).filter((status) => status !== 200 && status !== 401)).toEqual([]);
    }
  });

  test('one client added at both: one succeeds, the other gets an error', async () => {
    const added = await Promise.allSettled(both(6).map(({ services }) => services.clients.add('added')));
    expect(added.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    for (const outcome of added) {
      if (outcome.status === 'rejected')
        expect((outcome.reason as Error).message).toBe('a client "added" exists already');
    }
  });

  test('key rotations and retirements at one take effect at the other at once', async () => {
    const { tokens } = await newClient();
    const [old] = one.services.keys.list();
    await one.services.keys.rotate({ now: true });
    const { tokens: newer } = await newClient();
    await two.session(newer.access_token).expect(200);
    await two.session(tokens.access_token).expect(200);
    await one.services.keys.retire(old!.kid, { now: true });
    await two.session(tokens.access_token).expect(401);
    await two.refresh(tokens.refresh_token).expect(401);
    await two.session(newer.access_token).expect(200);
  });

  test('an operator’s change waits for the lock on the client, then on its families', async () => {
    const { name } = await newClient();
    const waiting = sql`select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`;
    const { change } = await one.services.database.transaction().execute(async (queries) => {
      await queries.selectFrom('clients').select('id').where('name', '=', name).forUpdate().execute();
      let isOver = false;
      const ended = two.services.clients.revokeTokens(name).finally(() => (isOver = true));
      while ((await waiting.execute(queries)).rows.length === 0) expect(isOver).toBe(false);
      return { change: ended };
    });
    expect(await change).toBe(1);
  });

  describe('scopes removed at one while the other waits for the client’s row', () => {
    const waiting = sql`select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`;
    /** Holds the row's lock until the request waits for it, removes the scopes, and releases the lock. */
    async function overtaken<T>(name: string, request: () => Promise<T>): Promise<T> {
      const { answer } = await one.services.database.transaction().execute(async (queries) => {
        const { id } = (await lockClient(queries, { name }))!;
        let isOver = false;
        const begun = request().finally(() => (isOver = true));
        while ((await waiting.execute(queries)).rows.length === 0) expect(isOver).toBe(false);
        await setClientScopes(queries, id, ['models:read']);
        return { answer: begun };
      });
      return answer;
    }

    test('a reset at the other grants the remaining scopes', async () => {
      const password = await one.services.clients.add('overtaken-reset');
      const { status, body } = await overtaken('overtaken-reset', async () => two.reset('overtaken-reset', password));
      expect([status, (body as Tokens).scope]).toEqual([200, 'models:read']);
    });

    test('a refresh at the other grants the remaining scopes', async () => {
      const { name, tokens } = await newClient();
      const { status, body } = await overtaken(name, async () => two.refresh(tokens.refresh_token));
      expect([status, (body as Tokens).scope]).toEqual([200, 'models:read']);
    });

    test('tokens issued at the other have the remaining scopes', async () => {
      const { name } = await newClient();
      const client = await two.services.clients.get(name);
      expect((await overtaken(name, () => two.services.tokens.issue(client))).scope).toBe('models:read');
    });
  });

  test('purging old families skips locked ones instead of waiting', async () => {
    const busy = await newClient();
    await newClient();
    one.clock.advanceSeconds(2_592_000 + 86_401);
    const count = async () => (await one.services.database.selectFrom('token_families').select('id').execute()).length;
    await one.services.database.transaction().execute(async (queries) => {
      const { id } = await one.services.clients.get(busy.name);
      await queries.selectFrom('token_families').select('id').where('client_id', '=', id).forUpdate().execute();
      await two.services.tokens.purge();
      expect(await count()).toBe(1);
    });
    await two.services.tokens.purge();
    expect(await count()).toBe(0);
  });

  test('only what has expired is purged, even while the other machine purges', async () => {
    const { tokens } = await newClient();
    one.clock.advanceSeconds(2_592_000 + 86_401);
    const later = await newClient();
    await Promise.all(both(6).map(({ services }) => services.tokens.purge()));
    expect(await one.services.database.selectFrom('token_families').select('id').execute()).toHaveLength(1);
    await two.refresh(tokens.refresh_token).expect(401);
    await two.session(later.tokens.access_token).expect(200);
  });

  test('timestamps are returned as numbers, and audit ids count up', async () => {
    const { database } = one.services;
    const client = await database.selectFrom('clients').selectAll().limit(1).executeTakeFirstOrThrow();
    expect(typeof client.created_at).toBe('number');
    const ids = (await database.selectFrom('audit_events').select('id').orderBy('id').execute()).map(({ id }) => id);
    expect(ids.every((id) => Number.isSafeInteger(id))).toBe(true);
    expect(new Set(ids).size).toBe(ids.length);
  });

  test('503: the loser of a deadlock has changed nothing', async () => {
    const names = ['dead-a', 'dead-b'];
    for (const name of names) await one.services.clients.add(name);
    const gate: (() => void)[] = [];
    const bothHold = new Promise<void>((resolve) => gate.push(resolve));
    let holding = 0;
    const lockBoth = (order: readonly string[]) =>
      one.services.database.transaction().execute(async (queries) => {
        for (const [index, name] of order.entries()) {
          await queries.selectFrom('clients').select('id').where('name', '=', name).forUpdate().execute();
          if (index === 0 && (holding += 1) === 2) gate[0]?.();
          await bothHold;
        }
      });
    const outcomes = await Promise.allSettled([lockBoth(names), lockBoth([...names].reverse())]);
    const failures = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason as unknown] : []));
    expect(failures).toHaveLength(1);
    expect(isStorageFault(failures[0])).toBe(true);
  });
});
