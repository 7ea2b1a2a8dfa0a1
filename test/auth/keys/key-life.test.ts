import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, describe, expect, test } from '@jest/globals';
import { sql } from 'kysely';
import { KeyManager } from '../../../mlapi/auth/keys/key-manager.ts';
import { KeyWatch } from '../../../mlapi/auth/keys/key-watch.ts';
import { KeyStore } from '../../../mlapi/auth/stores/key-store.ts';
import { openDatabase, type Database } from '../../../mlapi/persistence/database.ts';
import { isPostgres } from '../../../mlapi/persistence/dialects.ts';
import { decodeToken } from '../../support/forge.ts';
import { startService, type TestService, type Tokens } from '../../support/service.ts';

const opened: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const thing of opened.splice(0).reverse()) await thing.close();
});

async function startOwn(...given: Parameters<typeof startService>): Promise<TestService> {
  const service = await startService(...given);
  opened.push(service);
  return service;
}

/** The key manager of another process on the same database: the two share nothing but the database. */
async function otherOperator(
  { services, dataDir, clock }: TestService,
  keyPassphrase = services.config.keyPassphrase,
): Promise<KeyManager> {
  const database = openDatabase({ ...services.config, dataDir });
  opened.push({ close: () => database.destroy() });
  const config = { ...services.config, keyPassphrase };
  return KeyManager.open({ store: new KeyStore(database), config, clock: clock.read });
}

async function publishedKids({ http }: TestService): Promise<string[]> {
  const { body } = await http.get('/.well-known/jwks.json').expect(200);
  return (body.keys as { kid: string }[]).map(({ kid }) => kid);
}

const kidOf = ({ access_token }: Tokens) => decodeToken(access_token).header.kid as string;

/** Retries until the check passes. The promise is one second; a busy machine gets one more. */
async function soon(isSo: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 2_000;
  while (!(await isSo())) {
    expect(performance.now()).toBeLessThan(deadline);
    await delay(20);
  }
}

describe('keys that another process creates and retires', () => {
  test('appear in the JWKS within a second, without a token being issued, and disappear within a second', async () => {
    const service = await startOwn();
    const operator = await otherOperator(service);

    const kid = await operator.rotate({ now: true });
    await soon(async () => (await publishedKids(service)).includes(kid));

    const [old = ''] = await publishedKids(service);
    await operator.retire(old, { now: true });
    await soon(async () => !(await publishedKids(service)).includes(old));
  });

  test('a key signs from its start time on, in processes that did not create it', async () => {
    const service = await startOwn();
    const { tokens } = await service.newClient();
    const kid = await (await otherOperator(service)).rotate();
    expect(kidOf((await service.newClient()).tokens)).toBe(kidOf(tokens));
    service.clock.advanceSeconds(600);
    expect(kidOf((await service.newClient()).tokens)).toBe(kid);
    const { body } = await service.refresh(tokens.refresh_token).expect(200);
    expect(kidOf(body as Tokens)).toBe(kid);
  });

  test('the JWKS max-age plus the one-second key refresh is shorter than the time a key is published before it signs', async () => {
    const service = await startOwn();
    const kid = await service.services.keys.rotate();
    const { headers } = await service.http.get('/.well-known/jwks.json').expect(200);
    const signsFrom = service.services.keys.list().find((key) => key.kid === kid)!.signsFrom;
    const maxAgeSeconds = Number(/^public, max-age=(\d+)$/.exec(headers['cache-control']!)?.[1]);
    expect(maxAgeSeconds).toBeGreaterThan(0);
    expect(maxAgeSeconds + 1).toBeLessThan((signsFrom - service.clock.now) / 1_000);
    await service.http.get('/.well-known/jwks.json').set('If-None-Match', headers.etag!).expect(304);
  });

  test('under load, while keys are rotated and retired: the JWKS always has a usable key and the key of every new token', async () => {
    const service = await startOwn();
    const operator = await otherOperator(service);
    let isOver = false;
    let looks = 0;
    const hammer = async () => {
      for (; !isOver; looks += 1) expect((await publishedKids(service)).length).toBeGreaterThanOrEqual(1);
    };
    const issue = async () => {
      while (!isOver) {
        const { tokens } = await service.newClient();
        const isPublished = (await publishedKids(service)).includes(kidOf(tokens));
        // The only valid reason for a missing key: it has been retired since.
        if (!isPublished) await service.session(tokens.access_token).expect(401);
      }
    };
    const rotate = async () => {
      for (let round = 0; round < 8; round += 1) {
        const before = operator.list().filter(({ state }) => state !== 'retired');
        if (round % 2 === 0) await operator.rotate({ now: true });
        for (const { kid } of before) await operator.retire(kid, { now: true });
      }
      isOver = true;
    };

    await Promise.all([hammer(), hammer(), issue(), rotate()]);

    expect(looks).toBeGreaterThan(50);
    expect(operator.list().filter(({ state }) => state === 'retired').length).toBeGreaterThanOrEqual(8);
    await service.newClient();
  });

  test('failing key refreshes are logged once, and recovery once; known keys keep working', async () => {
    const service = await startOwn();
    const before = await publishedKids(service);
    const lines: string[] = [];
    const logger = { error: (message: string) => lines.push(message), info: (message: string) => lines.push(message) };
    let looks = 0;
    const keys = {
      unopened: ['a-key'],
      reload: () => ((looks += 1) <= 2 ? Promise.reject(new Error('the database is away')) : Promise.resolve()),
    };

    const watch = new KeyWatch(keys, logger);
    while (looks < 4) await delay(20);
    await watch.stop();

    const atStop = looks;
    await delay(700);
    expect(looks).toBe(atStop);
    expect(lines).toEqual([
      'signing keys cannot be read; the loaded keys stay in use',
      'a signing key was encrypted with another passphrase; configure the new passphrase and restart',
      'signing keys can be read again',
    ]);
    await service.services.database.schema.alterTable('signing_keys').renameTo('away').execute();
    await expect(service.services.keys.reload()).rejects.toThrow('signing_keys');
    expect(await publishedKids(service)).toEqual(before);
  });
});

/** Rejects changes of a key's row; each database has its own way. */
function faultOn(database: Database, kid: string) {
  return isPostgres(database) ? faultOnPostgres(kid) : faultOnSqlite(kid);
}

function faultOnPostgres(kid: string) {
  return {
    fault: sql`alter table signing_keys add constraint "the disk is gone" check (kid <> ${sql.lit(kid)}) not valid`,
    repair: sql`alter table signing_keys drop constraint "the disk is gone"`,
  };
}

function faultOnSqlite(kid: string) {
  return {
    fault: sql`create trigger fault before update on signing_keys when new.kid = ${sql.lit(kid)}
      begin select raise(abort, 'the disk is gone'); end`,
    repair: sql`drop trigger fault`,
  };
}

describe('changing the passphrase', () => {
  const fresh = 'the new passphrase of these tests';

  test('a running service keeps working; a restart needs the new passphrase; the change is recorded', async () => {
    const service = await startOwn();
    await service.services.keys.rotate({ now: true });
    const { tokens } = await service.newClient();
    const operator = await otherOperator(service);

    expect(await operator.changePassphrase(fresh)).toBe(2);

    await service.session(tokens.access_token).expect(200);
    await service.refresh(tokens.refresh_token).expect(200);
    await service.newClient();
    const { dataDir, clock } = service;
    await expect(startService({}, { dataDir, clock })).rejects.toThrow('wrong passphrase');
    const restarted = await startOwn({ MLAPI_KEY_PASSPHRASE: fresh }, { dataDir, clock });
    expect(await publishedKids(restarted)).toEqual(await publishedKids(service));
    await restarted.session(tokens.access_token).expect(200);
    const events = await service.services.database.selectFrom('audit_events').select(['event', 'detail']).execute();
    expect(events).toContainEqual({ event: 'passphrase_changed', detail: '2 keys' });
  });

  test('503, not 401, for tokens of a key that a running service cannot open; it still signs, and accepts other tokens', async () => {
    const service = await startOwn();
    const { tokens } = await service.newClient();
    const { dataDir, clock } = service;
    await (await otherOperator(service)).changePassphrase(fresh);
    const restarted = await startOwn({ MLAPI_KEY_PASSPHRASE: fresh }, { dataDir, clock });
    const kid = await restarted.services.keys.rotate({ now: true });
    const { tokens: newer } = await restarted.newClient();
    expect(kidOf(newer)).toBe(kid);

    const { headers } = await service.session(newer.access_token).expect(503);

    expect(headers['retry-after']).toBe('1');
    await service.session(tokens.access_token).expect(200);
    expect(kidOf((await service.newClient()).tokens)).toBe(kidOf(tokens));
    expect(service.services.keys.unopened).toEqual([kid]);
    await restarted.services.keys.retire(kid, { now: true });
    await service.session(newer.access_token).expect(401);
  });

  test('a process with the old passphrase cannot store a key: its change is refused and nothing is written', async () => {
    const service = await startOwn();
    const late = await otherOperator(service);
    await (await otherOperator(service)).changePassphrase(fresh);

    await expect(late.rotate()).rejects.toThrow('changed the keys or their passphrase meanwhile; nothing was done');
    await expect(late.retire(late.list()[0]!.kid, { now: true })).rejects.toThrow('meanwhile; nothing was done');

    expect((await otherOperator(service, fresh)).list().map(({ state }) => state)).toEqual(['signing']);
  });

  test('changes nothing if it fails half way', async () => {
    const service = await startOwn();
    const last = await service.services.keys.rotate();
    const operator = await otherOperator(service);
    const { database } = service.services;
    const stored = () => database.selectFrom('signing_keys').selectAll().orderBy('kid').execute();
    const before = await stored();
    const { fault, repair } = faultOn(database, last);
    await fault.execute(database);

    await expect(operator.changePassphrase(fresh)).rejects.toThrow('the disk is gone');

    await repair.execute(database);
    expect(await stored()).toEqual(before);
    expect((await otherOperator(service)).list()).toHaveLength(2);
    await operator.rotate();
  });

  test.each([
    'fifteen letters',
    ' a space before it stands here',
    'a space behind it stands here ',
    'two\nlines of a passphrase',
  ])('refuses a passphrase that the configuration would reject: %j', async (wrong) => {
    const service = await startOwn();
    await expect(service.services.keys.changePassphrase(wrong)).rejects.toThrow('16 to 1024 characters');
  });
});
