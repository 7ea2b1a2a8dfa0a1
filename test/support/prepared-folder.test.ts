import { readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { expect, test } from '@jest/globals';
import { FakeClock, startService, temporaryFolder, type TestService } from './service.ts';

const kidOf = ({ services }: TestService) => services.keys.list()[0]!.kid;

/** The first key of a service, from its database. */
async function keyOf(...given: Parameters<typeof startService>) {
  const service = await startService(...given);
  const kid = kidOf(service);
  const events = await service.services.database.selectFrom('audit_events').select(['event', 'at', 'detail']).execute();
  await service.close();
  return { kid, events };
}

const isPostgres = (process.env.TEST_POSTGRES_URL ?? '') !== '';

test('services on prepared folders share a key, created at the time of their clocks', async () => {
  const clock = new FakeClock();
  clock.advanceSeconds(1);
  const [one, two, later] = [await keyOf(), await keyOf(), await keyOf({}, { clock })];

  expect([one.kid === two.kid, one.kid === later.kid]).toEqual([!isPostgres, false]);
  expect(later.events).toEqual([{ event: 'key_created', at: clock.now, detail: later.kid }]);
  expect(readdirSync(tmpdir()).filter((name) => name.startsWith('prepared-')).length >= 2).toBe(!isPostgres);
});

test('a service on an empty folder, or with its own key settings, creates its own key', async () => {
  const kids = [await keyOf(), await keyOf({}, { dataDir: temporaryFolder() })];
  kids.push(
    await keyOf({ MLAPI_KEY_PASSPHRASE: 'another passphrase of tests' }),
    await keyOf({ MLAPI_KEY_BITS: '2048' }),
  );

  expect(new Set(kids.map(({ kid }) => kid)).size).toBe(4);
});
