import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { sql } from 'kysely';
import { voidPasswords } from '../../../mlapi/auth/stores/client-store.ts';
import { basic, grant, askToken } from '../../support/oauth.ts';
import { startService, type TestService, type Tokens } from '../../support/service.ts';

let service: TestService;
let secret: string;
beforeAll(async () => {
  service = await startService();
  secret = await service.services.clients.addReusable('cron');
});
afterAll(() => service.close());

/** Everything that a refusal must not change. */
async function readState({ services: { database } } = service): Promise<string> {
  const tables = ['clients', 'token_families', 'audit_events'] as const;
  return JSON.stringify(await Promise.all(tables.map((table) => database.selectFrom(table).selectAll().execute())));
}

describe('names', () => {
  test('401: responses for unknown, wrong, one-time, disabled and ended are identical, and nothing changes', async () => {
    const { clients } = service.services;
    const once = await service.newClient('once');
    const unused = await clients.add('unused');
    const disabled = await clients.addReusable('disabled');
    await clients.disable('disabled');
    const ended = await clients.addReusable('ended');
    await clients.rotateSecret('ended', { overlapSeconds: 0 });
    const before = await readState();

    const answers = [
      await grant(service, 'nobody', secret),
      await grant(service, 'no name at all \u0000', secret),
      await grant(service, 'cron', `${secret}x`),
      await grant(service, 'once', once.password),
      await grant(service, 'unused', unused),
      await grant(service, 'disabled', disabled),
      await grant(service, 'ended', ended),
    ];

    for (const { status, text, headers } of answers) {
      expect([status, text]).toEqual([401, answers[0]?.text]);
      expect(Object.keys(headers).sort()).toEqual(Object.keys(answers[0]!.headers).sort());
    }
    expect(await readState()).toBe(before);
  });

  test('all of these run the same database queries, and no slow hash', async () => {
    const { clients, database } = service.services;
    await clients.add('counted-once');
    const executed: string[] = [];
    const counting = database.getExecutor();
    const run = counting.executeQuery.bind(counting);
    counting.executeQuery = (query, ...rest) => {
      // Except the key refresh, which runs by itself.
      if (!query.sql.includes('from "signing_keys"')) executed.push(query.sql);
      return run(query, ...rest);
    };
    const workOf = async (name: string): Promise<string[]> => {
      executed.length = 0;
      await grant(service, name, `${secret}x`).expect(401);
      return [...executed];
    };
    const unknown = await workOf('nobody-at-all');
    expect(unknown).toHaveLength(1);
    for (const name of ['cron', 'counted-once', 'disabled']) expect(await workOf(name)).toEqual(unknown);
  });

  test.each(['Cron', 'cron ', ' cron', 'cro', 'cron1', 'cron\u200b', '\u0441ron', '.*', '__proto__', 'c%72on'])(
    '401: %j is not the client "cron"',
    async (name) => {
      await grant(service, name, secret).expect(401);
    },
  );
});

describe('downgrades', () => {
  test('401 at /auth/reset: the secret of a reusable client, even if passwords work repeatedly', async () => {
    const often = await startService({ MLAPI_RESET_ONCE: 'false' });
    for (const at of [service, often]) {
      const name = 'downgraded';
      const own = await at.services.clients.addReusable(name);
      for (const password of [own, own.slice('mlapi_'.length)]) {
        const { status } = await at.reset(name, password);
        expect(status).toBe(401);
      }
    }
    await often.close();
  });

  test('401 at /auth/token: a one-time password, which is not spent by the attempt', async () => {
    const password = await service.services.clients.add('still-unused');
    await grant(service, 'still-unused', password).expect(401);
    await askToken(service, 'grant_type=client_credentials')
      .set('Authorization', basic('still-unused', password))
      .expect(401);
    await service.reset('still-unused', password).expect(200);
  });

  test('401: stored digests and hashes do not work as secrets', async () => {
    const { database } = service.services;
    const rows = await database.selectFrom('clients').select(['name', 'secret_digest', 'password_hash']).execute();
    for (const { name, secret_digest: digest, password_hash: hash } of rows) {
      for (const stored of [digest ?? 'null', hash, '', 'null', 'undefined'])
        expect([name, (await grant(service, name, stored)).status]).toEqual([name, 401]);
    }
  });

  test('an access token of a grant does not work as a refresh token, and a reusable client never gets a refresh token', async () => {
    const { body } = await grant(service, 'cron', secret).expect(200);
    const { access_token: token } = body as Tokens;
    expect(Object.keys(body as object).sort()).toEqual(['access_token', 'expires_in', 'scope', 'token_type']);
    await service.refresh(token).expect(401);
    await askToken(service, { grant_type: 'refresh_token', refresh_token: token }).expect(400);
    const issued = await service.services.grants.issue('cron');
    expect(Object.keys(issued)).not.toContain('refresh_token');
    await service.session(issued.access_token).expect(200);
  });
});

describe('races', () => {
  test('a rotation without overlap raced against grants, 30 rounds: no token of the old secret works after both', async () => {
    const { clients } = service.services;
    let current = await clients.addReusable('raced');
    for (let round = 0; round < 30; round += 1) {
      const [{ secret: next }, ...grants] = await Promise.all([
        clients.rotateSecret('raced', { overlapSeconds: 0 }),
        ...Array.from({ length: 3 }, () => grant(service, 'raced', current)),
      ]);
      for (const { status, body } of grants) {
        expect([200, 401]).toContain(status);
        if (status === 200) await service.session((body as Tokens).access_token).expect(401);
      }
      current = next;
    }
    await grant(service, 'raced', current).expect(200);
  });

  test('401: a secret that ended between its verification and the lock on the client', async () => {
    const { clients, grants } = service.services;
    const old = await clients.addReusable('overtaken');
    await clients.rotateSecret('overtaken', { overlapSeconds: 0 });
    const disabled = await clients.addReusable('overtaken-too');
    await clients.disable('overtaken-too');
    // The step of a request after its first check, which had accepted it.
    for (const [name, given] of [
      ['overtaken', old],
      ['overtaken-too', disabled],
    ] as const)
      await expect(grants.grant({ name, secret: given }, {})).rejects.toMatchObject({ status: 401 });
  });

  test('disabling and fewer scopes raced against grants, 20 rounds: no valid token has removed rights', async () => {
    const { clients } = service.services;
    const own = await clients.addReusable('narrowed', { scopes: ['models:predict', 'models:read'] });
    for (let round = 0; round < 20; round += 1) {
      const [answer] = await Promise.all([
        grant(service, 'narrowed', own).expect(200),
        clients.setScopes('narrowed', ['models:read']),
      ]);
      const { body, status } = await service.session((answer.body as Tokens).access_token);
      if (status === 200) expect(body.scopes).toEqual(['models:read']);
      await clients.setScopes('narrowed', ['models:predict', 'models:read']);
      const [late] = await Promise.all([grant(service, 'narrowed', own), clients.disable('narrowed')]);
      if (late.status === 200) await service.session((late.body as Tokens).access_token).expect(401);
      await clients.enable('narrowed');
    }
  });

  test('a restored database: none of its secrets works', async () => {
    const restored = await startService();
    const { database, clients } = restored.services;
    const own = await clients.addReusable('restored');
    const { secret: next } = await clients.rotateSecret('restored');
    await database.transaction().execute(async (queries) => {
      await voidPasswords(queries, 'x', service.clock.now);
      const { rows } = await sql<{
        n: number;
      }>`select count(*) as n from clients where previous_secret_digest is not null`.execute(queries);
      expect(Number(rows[0]?.n)).toBe(0);
    });
    for (const given of [own, next]) await grant(restored, 'restored', given).expect(401);
    const { secret: fresh } = await clients.rotateSecret('restored', { overlapSeconds: 0 });
    await grant(restored, 'restored', fresh).expect(200);
    await restored.close();
  });
});
