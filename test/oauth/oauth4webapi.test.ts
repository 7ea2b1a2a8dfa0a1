import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import * as oauth from 'oauth4webapi';
import { startDiscoverable } from '../support/discoverable.ts';
import type { TestService } from '../support/service.ts';

/** Plain HTTP on this machine; all other settings are the library's defaults. */
// eslint-disable-next-line @typescript-eslint/no-deprecated -- marked so to be seen: the test has no TLS.
const insecure = { [oauth.allowInsecureRequests]: true } as const;
let service: TestService;
let issuer: URL;
let close: () => Promise<void>;
let server: oauth.AuthorizationServer;
let secret: string;
beforeAll(async () => {
  const started = await startDiscoverable();
  ({ service, close } = started);
  issuer = new URL(started.issuer);
  secret = await service.services.clients.addReusable('cron');
  const answer = await oauth.discoveryRequest(issuer, { algorithm: 'oauth2', ...insecure });
  server = await oauth.processDiscoveryResponse(issuer, answer);
});
afterAll(() => close());

/** Whether a guarded route accepts the token. */
async function statusOf(token: string): Promise<number> {
  const target = new URL('/auth/session', issuer);
  try {
    return (await oauth.protectedResourceRequest(token, 'GET', target, undefined, undefined, insecure)).status;
  } catch (error) {
    if (error instanceof oauth.WWWAuthenticateChallengeError) return error.status;
    throw error;
  }
}

describe('oauth4webapi, unmodified', () => {
  test('discovery: the metadata follows RFC 8414, and names only existing endpoints', () => {
    const url = (path: string) => new URL(path, issuer).href;
    const methods = ['client_secret_basic', 'client_secret_post', 'none'];
    expect(server).toEqual({
      issuer: issuer.origin,
      token_endpoint: url('/auth/token'),
      revocation_endpoint: url('/auth/revoke'),
      jwks_uri: url('/.well-known/jwks.json'),
      scopes_supported: expect.arrayContaining(['models:predict']),
      response_types_supported: [],
      grant_types_supported: ['client_credentials', 'refresh_token'],
      token_endpoint_auth_methods_supported: methods,
      revocation_endpoint_auth_methods_supported: methods,
    });
  });

  test.each([
    ['client_secret_basic', oauth.ClientSecretBasic],
    ['client_secret_post', oauth.ClientSecretPost],
  ])('client credentials by %s: a token is issued, accepted, and revoked', async (_name, authentication) => {
    const client = { client_id: 'cron' };
    const parameters = { scope: 'models:read' };
    const auth = authentication(secret);
    const answer = await oauth.clientCredentialsGrantRequest(server, client, auth, parameters, insecure);
    const { access_token: token, scope } = await oauth.processClientCredentialsResponse(server, client, answer);
    expect([scope, await statusOf(token)]).toEqual(['models:read', 200]);

    await oauth.processRevocationResponse(await oauth.revocationRequest(server, client, auth, token, insecure));

    expect(await statusOf(token)).toBe(401);
  });

  test('refresh and revocation by a client whose one-time password is spent', async () => {
    const { name, tokens } = await service.newClient();
    const client = { client_id: name };
    const refresh = async (token: string) =>
      oauth.processRefreshTokenResponse(
        server,
        client,
        await oauth.refreshTokenGrantRequest(server, client, oauth.None(), token, insecure),
      );
    let newest = tokens.refresh_token;
    for (let time = 0; time < 3; time += 1) {
      const { access_token: access, refresh_token: next } = await refresh(newest);
      expect(await statusOf(access)).toBe(200);
      newest = next!;
    }
    await expect(refresh(tokens.refresh_token)).rejects.toMatchObject({ error: 'invalid_grant', status: 400 });
    await expect(refresh(newest)).rejects.toMatchObject({ error: 'invalid_grant' });

    const other = await service.newClient();
    const mine = { client_id: other.name };
    const { access_token: token } = other.tokens;
    await oauth.processRevocationResponse(await oauth.revocationRequest(server, mine, oauth.None(), token, insecure));
    expect(await statusOf(token)).toBe(401);
  });

  test('errors that it recognizes: a wrong secret, a wider scope', async () => {
    const client = { client_id: 'cron' };
    const ask = async (given: string, scope: string) =>
      oauth.processClientCredentialsResponse(
        server,
        client,
        await oauth.clientCredentialsGrantRequest(server, client, oauth.ClientSecretBasic(given), { scope }, insecure),
      );
    await expect(ask('wrong', 'models:read')).rejects.toMatchObject({ status: 401 });
    await expect(ask(secret, 'nothing:read')).rejects.toMatchObject({ status: 400, error: 'invalid_scope' });
  });
});
