import { createHash, createPublicKey, generateKeyPairSync, verify } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { decodeToken } from '../../support/forge.ts';
import { FakeClock, startService, temporaryFolder, type TestService, type Tokens } from '../../support/service.ts';

let service: TestService;
beforeAll(async () => {
  service = await startService();
});
afterAll(() => service.close());

async function publishedKids(from = service): Promise<string[]> {
  const { body } = await from.http.get('/.well-known/jwks.json').expect(200);
  return (body.keys as { kid: string }[]).map(({ kid }) => kid);
}

function kidOf({ access_token }: Tokens): unknown {
  return decodeToken(access_token).header.kid;
}

test('a token verifies with the published key and node:crypto alone; its kid is the RFC 7638 thumbprint', async () => {
  const { tokens } = await service.newClient();
  const { body } = await service.http.get('/.well-known/jwks.json').expect(200);
  const jwk = (body.keys as Record<string, string>[]).find(({ kid }) => kid === kidOf(tokens))!;
  const [header, payload, signature = ''] = tokens.access_token.split('.');
  const key = createPublicKey({ key: jwk, format: 'jwk' });
  expect(verify('sha256', Buffer.from(`${header}.${payload}`), key, Buffer.from(signature, 'base64url'))).toBe(true);
  const members = JSON.stringify({ e: jwk.e, kty: jwk.kty, n: jwk.n });
  expect(jwk.kid).toBe(createHash('sha256').update(members).digest('base64url'));
});

test('rotation: the new key is published before it signs, the old one until its last token has expired', async () => {
  const own = await startService();
  const { tokens } = await own.newClient();
  const old = kidOf(tokens);
  const fresh = await own.services.keys.rotate();
  expect(await publishedKids(own)).toEqual([old, fresh]);
  expect(kidOf((await own.newClient()).tokens)).toBe(old);
  own.clock.advanceSeconds(600);
  const { body } = await own.refresh(tokens.refresh_token).expect(200);
  expect(kidOf(body as Tokens)).toBe(fresh);
  await own.session((body as Tokens).access_token).expect(200);
  own.clock.advanceSeconds(2_592_000);
  expect(await publishedKids(own)).toEqual([old, fresh]);
  own.clock.advanceSeconds(61);
  expect(await publishedKids(own)).toEqual([fresh]);
  expect(own.services.keys.list().map(({ state }) => state)).toEqual(['retired', 'signing']);
  await own.close();
});

describe('retirement', () => {
  test('with now: all access and refresh tokens of the key end at once; tokens of other keys stay valid', async () => {
    const own = await startService();
    const { tokens } = await own.newClient();
    const [first] = own.services.keys.list();
    await own.services.keys.rotate({ now: true });
    const { tokens: newer } = await own.newClient();

    expect(await own.services.keys.retire(first!.kid, { now: true })).toBeUndefined();

    await own.session(tokens.access_token).expect(401);
    await own.refresh(tokens.refresh_token).expect(401);
    await own.session(newer.access_token).expect(200);
    expect(await publishedKids(own)).toEqual([kidOf(newer)]);
    await expect(own.services.keys.retire(first!.kid, { now: true })).rejects.toThrow('no key');
    await own.close();
  });

  test('with now, of the only key: a new key signs at once, and both changes are recorded', async () => {
    const own = await startService();
    const { tokens } = await own.newClient();
    const [only] = own.services.keys.list();

    const successor = await own.services.keys.retire(only!.kid, { now: true });

    await own.session(tokens.access_token).expect(401);
    const { tokens: newer } = await own.newClient();
    expect(kidOf(newer)).toBe(successor);
    expect(await publishedKids(own)).toEqual([successor]);
    const events = await own.services.database.selectFrom('audit_events').select(['event', 'detail']).execute();
    expect(events).toEqual(
      expect.arrayContaining([
        { event: 'key_created', detail: successor },
        { event: 'key_retired', detail: only!.kid },
      ]),
    );
    await own.close();
  });

  test('without now: refused while a valid token may need the key; allowed before it signs and after its tokens expire', async () => {
    const own = await startService();
    const { keys } = own.services;
    const [first] = keys.list();
    await expect(keys.retire(first!.kid)).rejects.toThrow(
      'is the active signing key: replace it with "keys rotate" first',
    );
    const unwanted = await keys.rotate();
    await keys.retire(unwanted);
    await keys.rotate();
    own.clock.advanceSeconds(600);
    const until = new Date(own.clock.now + 2_592_060_000).toISOString();
    await expect(keys.retire(first!.kid)).rejects.toThrow(`are valid until ${until}, when it retires by itself`);
    own.clock.advanceSeconds(2_592_060);
    await keys.retire(first!.kid);
    expect(keys.list().map(({ state }) => state)).toEqual(['retired', 'retired', 'signing']);
    await own.close();
  });
});

describe('at rest', () => {
  test('keys, tokens and the database survive a restart; a wrong passphrase stops the start and changes nothing', async () => {
    const dataDir = temporaryFolder();
    const clock = new FakeClock();
    const first = await startService({}, { dataDir, clock });
    const { tokens } = await first.newClient();
    await first.close();
    const wrong = startService({ MLAPI_KEY_PASSPHRASE: 'another passphrase altogether' }, { dataDir, clock });
    await expect(wrong).rejects.toThrow(/wrong passphrase: it does not decrypt the signing key/);
    const second = await startService({}, { dataDir, clock });
    await second.session(tokens.access_token).expect(200);
    await second.refresh(tokens.refresh_token).expect(200);
    await second.close();
  });

  test('a key that was swapped, or moved to another kid, does not decrypt', async () => {
    const own = await startService();
    await own.services.keys.rotate({ now: true });
    const [one, two] = await own.services.database
      .selectFrom('signing_keys')
      .selectAll()
      .orderBy('created_at')
      .execute();
    await own.services.database
      .updateTable('signing_keys')
      .set({ sealed_private_key: two!.sealed_private_key })
      .where('kid', '=', one!.kid)
      .execute();
    await own.close();
    await expect(startService({}, { dataDir: own.dataDir })).rejects.toThrow('wrong passphrase');
  });

  test('the start fails without a passphrase', async () => {
    await expect(startService({ MLAPI_KEY_PASSPHRASE: '' })).rejects.toThrow('MLAPI_KEY_PASSPHRASE');
  });
});

test('the repository holds no private key', () => {
  const made = new Set(['.git', 'node_modules', ...readFileSync('.gitignore', 'utf8').split(/\/?\n/)]);
  const files = readdirSync('.', { withFileTypes: true })
    .filter(({ name }) => !made.has(name))
    .flatMap((entry) => (entry.isDirectory() ? filesUnder(entry.name) : [entry.name]))
    .filter((file) => ![...made].some((name) => file.startsWith(`${name}/`)));
  const privateKey = /-----BEGIN [A-Z ]*PRIVATE KEY-----|"d":\s*"[\w-]{40}|"v":\s*1,\s*"salt"/;
  expect(
    privateKey.test(generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()),
  ).toBe(true);

  expect(files).toEqual(expect.arrayContaining(['application.ts', 'files/security.md', 'deploy/README.md']));
  expect(files.filter((file) => privateKey.test(readFileSync(file, 'latin1')))).toEqual([]);
});

function filesUnder(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}
