import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { isStorageFault } from '../../../mlapi/persistence/busy.ts';
import { startService, type TestService } from '../../support/service.ts';
import { faultModes as modes, restoreStorage, storageFaults as faults } from './storage-faults.ts';

let service: TestService;
beforeAll(async () => {
  service = await startService();
  // The calls of the key refresh would be counted too.
  await service.services.watch.stop();
});
afterAll(async () => {
  await service.close();
  restoreStorage();
});

/** An operation on clients created for it. */
interface Target {
  readonly names: readonly string[];
  /** @returns the HTTP status; for a command 200, or 503 for a storage fault */
  run(): Promise<number>;
}

let targets = 0;
const freshName = () => `target-${(targets += 1)}`;

async function command(work: () => Promise<unknown>): Promise<number> {
  try {
    await work();
    return 200;
  } catch (error) {
    if (isStorageFault(error)) return 503;
    throw error;
  }
}

const bearer = (token: string) => ['Authorization', `Bearer ${token}`] as const;

interface Operation {
  readonly title: string;
  readonly status: number;
  /** Whether a 503 means that nothing was done; a command may fail to read its result after it was done. */
  readonly isAnsweredLast: boolean;
  prepare(): Promise<Target>;
}

const operations: readonly Operation[] = [
  {
    title: 'reset',
    status: 200,
    isAnsweredLast: true,
    prepare: async () => {
      const { name } = await service.newClient(freshName());
      const password = await service.services.clients.resetPassword(name, { keepTokens: true });
      return { names: [name], run: async () => (await service.reset(name, password)).status };
    },
  },
  {
    title: 'refresh',
    status: 200,
    isAnsweredLast: true,
    prepare: async () => {
      const { name, tokens } = await service.newClient(freshName());
      return { names: [name], run: async () => (await service.refresh(tokens.refresh_token)).status };
    },
  },
  {
    title: 'replay',
    status: 401,
    isAnsweredLast: true,
    prepare: async () => {
      const { name, tokens } = await service.newClient(freshName());
      await service.refresh(tokens.refresh_token).expect(200);
      return { names: [name], run: async () => (await service.refresh(tokens.refresh_token)).status };
    },
  },
  {
    title: 'revoke',
    status: 200,
    isAnsweredLast: true,
    prepare: async () => {
      const { name, tokens } = await service.newClient(freshName());
      const revoke = () => service.http.post('/auth/revoke').type('form').send({ token: tokens.refresh_token });
      return { names: [name], run: async () => (await revoke()).status };
    },
  },
  {
    title: 'refused scope',
    status: 403,
    isAnsweredLast: true,
    prepare: async () => {
      const { name, tokens } = await service.newClient(freshName(), ['models:read']);
      const predict = () =>
        service.http
          .post('/api/ml')
          .set(...bearer(tokens.access_token))
          .send([[]]);
      return { names: [name], run: async () => (await predict()).status };
    },
  },
  ofClients('clients add', () => {
    const name = freshName();
    return { names: [name], run: () => command(() => service.services.clients.add(name)) };
  }),
  ofClients('clients import', () => {
    const names = [freshName(), freshName(), freshName()];
    const rows = names.map((name) => ({ name, password: 'of the import' }));
    return { names, run: () => command(() => service.services.clients.import(rows)) };
  }),
  ofClients('clients disable', async () => {
    const { name } = await service.newClient(freshName());
    return { names: [name], run: () => command(() => service.services.clients.disable(name)) };
  }),
  ofClients('clients enable', async () => {
    const { name } = await service.newClient(freshName());
    await service.services.clients.disable(name);
    return { names: [name], run: () => command(() => service.services.clients.enable(name)) };
  }),
  ofClients('clients reset-password', async () => {
    const { name } = await service.newClient(freshName());
    return { names: [name], run: () => command(() => service.services.clients.resetPassword(name)) };
  }),
  ofClients('tokens revoke', async () => {
    const { name } = await service.newClient(freshName());
    return { names: [name], run: () => command(() => service.services.clients.revokeTokens(name)) };
  }),
  ofClients('tokens issue', async () => {
    const { name } = await service.newClient(freshName());
    const client = await service.services.clients.get(name);
    return { names: [name], run: () => command(() => service.services.tokens.issue(client)) };
  }),
  ofClients('keys rotate', () => ({
    names: [],
    run: () => command(() => service.services.keys.rotate({ now: true })),
  })),
  ofClients('keys retire', async () => {
    await service.services.keys.rotate({ now: true });
    const [old] = service.services.keys.list().filter(({ state }) => state === 'verifying');
    return { names: [], run: () => command(() => service.services.keys.retire(old!.kid, { now: true })) };
  }),
];

function ofClients(title: string, prepareTarget: () => Target | Promise<Target>): Operation {
  return { title, status: 200, isAnsweredLast: !title.startsWith('keys'), prepare: async () => prepareTarget() };
}

/** Everything that an operation may change, without ids, times and random bytes. */
async function shapeOf(names: readonly string[], hashes: ReadonlyMap<string, string>): Promise<string> {
  const { database } = service.services;
  const clients = await Promise.all(
    names.map(async (name) => {
      const client = await database.selectFrom('clients').selectAll().where('name', '=', name).executeTakeFirst();
      if (client === undefined) return 'none';
      const families = await database
        .selectFrom('token_families')
        .select(['generation', 'ended_by'])
        .where('client_id', '=', client.id)
        .orderBy('created_at')
        .orderBy('generation')
        .execute();
      const events = database.selectFrom('audit_events').select('event').where('client_id', '=', client.id);
      return {
        isDisabled: client.disabled_at !== null,
        isSpent: client.password_spent_at !== null,
        hasItsPassword: hashes.get(name) === client.password_hash,
        families: families.map(({ generation, ended_by: by }) => `${generation} ${by ?? 'alive'}`).sort(),
        events: (await events.orderBy('id').execute()).map(({ event }) => event),
      };
    }),
  );
  return JSON.stringify(clients);
}

/** The numbers of keys and retired keys, and of their audit rows. */
async function keyCounts(): Promise<number[]> {
  const { database } = service.services;
  const keys = await database.selectFrom('signing_keys').select('retired_at').execute();
  const events = await database.selectFrom('audit_events').select('event').where('event', 'like', 'key%').execute();
  return [
    keys.length,
    keys.filter(({ retired_at: at }) => at !== null).length,
    events.filter(({ event }) => event === 'key_created').length,
    events.filter(({ event }) => event === 'key_retired').length,
  ];
}

/** A new target, and its current state relative to before. */
async function begin(operation: Operation) {
  const target = await operation.prepare();
  const rows = await service.services.database.selectFrom('clients').select(['name', 'password_hash']).execute();
  const hashes = new Map(rows.map(({ name, password_hash: hash }) => [name, hash]));
  const keysBefore = await keyCounts();
  const shape = async () => {
    const keys = (await keyCounts()).map((count, index) => count - keysBefore[index]!);
    return `${await shapeOf(target.names, hashes)} keys ${keys.join(' ')}`;
  };
  return { target, shape };
}

describe('a fault at every storage call: 503 or done, without partial writes', () => {
  test.each(operations)(
    '$title',
    async (operation) => {
      const clean = await begin(operation);
      const before = await clean.shape();
      faults.arm(Infinity, 'is not done');
      expect(await clean.target.run()).toBe(operation.status);
      const { calls } = faults;
      const after = await clean.shape();
      expect(after).not.toBe(before);
      // At least begin, read or write, audit, commit.
      expect(calls).toBeGreaterThanOrEqual(4);

      for (const mode of modes) {
        for (let at = 0; at < calls; at += 1) {
          const { target, shape } = await begin(operation);
          expect(await shape()).toBe(before);
          faults.arm(at, mode);
          const status = await target.run();
          const { hasFailed } = faults;
          faults.disarm();
          const where = `call ${at} of ${calls} ${mode}`;
          expect({ where, hasFailed, status }).toEqual({ where, hasFailed: true, status: 503 });
          const found = await shape();
          expect([before, after]).toContain(found);
          if (mode !== 'is done, and reported as failed' && operation.isAnsweredLast) {
            expect({ where, found }).toEqual({ where, found: before });
          }
          // Without the fault a retry succeeds, if the operation had not been done.
          if (found === before) {
            expect({ where, status: await target.run() }).toEqual({ where, status: operation.status });
            expect(await shape()).toBe(after);
          }
        }
      }
    },
    120_000,
  );

  test('a failed purge leaves no partial change', async () => {
    const { name } = await service.newClient(freshName());
    const { services, clock } = service;
    const { id } = await services.clients.get(name);
    const expire = () =>
      services.database.updateTable('token_families').set({ expires_at: 0 }).where('client_id', '=', id).execute();
    const left = async () =>
      (await services.database.selectFrom('token_families').select('id').where('client_id', '=', id).execute()).length;
    await expire();
    clock.advanceSeconds(1);
    for (const mode of modes) {
      for (let at = 0; at < 3; at += 1) {
        const before = await left();
        faults.arm(at, mode);
        const status = await command(() => services.tokens.purge());
        faults.disarm();
        expect(status).toBe(503);
        if (mode !== 'is done, and reported as failed') expect(await left()).toBe(before);
      }
    }
    await services.tokens.purge();
    expect(await left()).toBe(0);
  });
});
