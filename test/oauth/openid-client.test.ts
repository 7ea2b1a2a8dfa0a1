import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import * as openid from 'openid-client';
import { startDiscoverable } from '../support/discoverable.ts';
import type { TestService } from '../support/service.ts';

let service: TestService;
let issuer: string;
let close: () => Promise<void>;
beforeAll(async () => {
  ({ service, issuer, close } = await startDiscoverable());
});
afterAll(() => close());

/** Plain HTTP on this machine, and the metadata of RFC 8414; all other settings are the library's defaults. */
function discover(name: string, authentication: openid.ClientAuth): Promise<openid.Configuration> {
  // eslint-disable-next-line @typescript-eslint/no-deprecated -- marked so to be seen: the test has no TLS.
  const execute = [openid.allowInsecureRequests];
  return openid.discovery(new URL(issuer), name, undefined, authentication, { algorithm: 'oauth2', execute });
}

async function statusOf(configuration: openid.Configuration, token: string): Promise<number> {
  const target = new URL('/auth/session', issuer);
  try {
    return (await openid.fetchProtectedResource(configuration, token, target, 'GET')).status;
  } catch (error) {
    if (error instanceof openid.WWWAuthenticateChallengeError) return error.status;
    throw error;
  }
}

describe('openid-client, unmodified', () => {
  test.each([
    ['client_secret_basic', openid.ClientSecretBasic],
    ['client_secret_post', openid.ClientSecretPost],
  ])('%s: discovery, a token that is accepted and revoked, and the next one after a key rotation', async (name, by) => {
    const secret = await service.services.clients.addReusable(`cron-${name}`);
    const configuration = await discover(`cron-${name}`, by(secret));
    const tokens = await openid.clientCredentialsGrant(configuration, { scope: 'models:read' });
    expect([tokens.scope, tokens.expires_in, tokens.refresh_token]).toEqual(['models:read', 900, undefined]);
    expect(await statusOf(configuration, tokens.access_token)).toBe(200);

    await openid.tokenRevocation(configuration, tokens.access_token);

    expect(await statusOf(configuration, tokens.access_token)).toBe(401);
    const { secret: next } = await service.services.clients.rotateSecret(`cron-${name}`, { overlapSeconds: 0 });
    await expect(openid.clientCredentialsGrant(configuration)).rejects.toMatchObject({ status: 401 });
    const renewed = await openid.clientCredentialsGrant(await discover(`cron-${name}`, by(next)));
    expect(await statusOf(configuration, renewed.access_token)).toBe(200);
  });

  test('a session renews its token at each expiry, and is revoked at the end', async () => {
    const { name, tokens } = await service.newClient();
    const configuration = await discover(name, openid.None());
    let held: { access_token: string; refresh_token?: string } = tokens;
    for (let hour = 0; hour < 5; hour += 1) {
      service.clock.advanceSeconds(3_600);
      expect(await statusOf(configuration, held.access_token)).toBe(401);
      held = await openid.refreshTokenGrant(configuration, held.refresh_token!);
      expect(await statusOf(configuration, held.access_token)).toBe(200);
    }
    await openid.tokenRevocation(configuration, held.refresh_token!, { token_type_hint: 'refresh_token' });
    expect(await statusOf(configuration, held.access_token)).toBe(401);
    await expect(openid.refreshTokenGrant(configuration, held.refresh_token!)).rejects.toMatchObject({
      error: 'invalid_grant',
      status: 400,
    });
  });
});
