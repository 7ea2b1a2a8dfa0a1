import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { VerifiedTokens, type VerifiedToken } from '../../../mlapi/auth/tokens/verified-tokens.ts';
import { testPostgresVariable } from '../../support/postgres.ts';
import { startService, type TestService } from '../../support/service.ts';

describe('a verified access token', () => {
  let service: TestService;
  beforeAll(async () => {
    service = await startService();
  });
  afterAll(() => service.close());

  /** Whether the token is verified from memory, that is, synchronously. */
  const isRemembered = (token: string) => !(service.services.tokens.verifyAccess(token) instanceof Promise);
  const isSqlite = process.env[testPostgresVariable] === undefined;

  test('is cached until anything in the database changes; then its family is looked up again', async () => {
    const { tokens } = await service.newClient();
    await service.session(tokens.access_token).expect(200);
    expect(isRemembered(tokens.access_token)).toBe(isSqlite);
    await service.newClient();
    expect(isRemembered(tokens.access_token)).toBe(false);
    await service.session(tokens.access_token).expect(200);
    expect(isRemembered(tokens.access_token)).toBe(isSqlite);
  });

  test('401: a token with the same claims and another signature', async () => {
    const { tokens } = await service.newClient();
    await service.session(tokens.access_token).expect(200);
    const other = tokens.access_token.slice(0, -8) + tokens.access_token.slice(-8).split('').reverse().join('');
    await service.session(other).expect(401);
    await service.session(tokens.access_token).expect(200);
  });

  test('401: from the first request after its revocation, its expiry, or the retirement of its key', async () => {
    const [revoked, expired, retired] = await Promise.all(
      [1, 2, 3].map(async () => (await service.newClient()).tokens),
    );
    for (const { access_token } of [revoked!, expired!, retired!]) await service.session(access_token).expect(200);
    await service.http.post('/auth/revoke').send({ token: revoked!.refresh_token }).expect(200);
    await service.session(revoked!.access_token).expect(401);
    await service.session(expired!.access_token).expect(200);
    service.clock.advanceSeconds(expired!.expires_in - 1);
    await service.session(expired!.access_token).expect(200);
    service.clock.advanceSeconds(1);
    await service.session(expired!.access_token).expect(401);
    const { access_token } = (await service.newClient()).tokens;
    await service.session(access_token).expect(200);
    const { keys } = service.services;
    for (const { kid, state } of keys.list()) if (state === 'signing') await keys.retire(kid, { now: true });
    await service.session(access_token).expect(401);
  });

  test('401: when the clock is set back to before its start', async () => {
    const { tokens } = await service.newClient();
    await service.session(tokens.access_token).expect(200);
    service.clock.stepSeconds(-3_600);
    await service.session(tokens.access_token).expect(401);
    service.clock.stepSeconds(3_600);
    await service.session(tokens.access_token).expect(200);
  });
});

describe('VerifiedTokens', () => {
  const token = (expiresAt: number) => ({ verifiedAt: 0, session: { expiresAt } }) as VerifiedToken;

  test('keep 10,000 tokens and evict the least recently used', () => {
    const tokens = new VerifiedTokens();
    for (let at = 0; at < 10_000; at += 1) tokens.remember(String(at), token(10));
    tokens.remember('0', token(10));
    tokens.remember('one more', token(10));
    expect(tokens.size).toBe(10_000);
    expect(tokens.find('0', 1)).toBeDefined();
    expect(tokens.find('1', 1)).toBeUndefined();
  });

  test('drop a token that has expired', () => {
    const tokens = new VerifiedTokens();
    tokens.remember('a', token(10));
    expect(tokens.find('a', 9)).toBeDefined();
    expect(tokens.find('a', 10)).toBeUndefined();
    expect(tokens.size).toBe(0);
  });
});
