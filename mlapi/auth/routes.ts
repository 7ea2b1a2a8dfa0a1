import { createHash } from 'node:crypto';
import type { CoreConfig } from '../config/core-config.ts';
import { formBody, optionalFormBody } from '../http/body/readers.ts';
import { endpoint, type EndpointResponse, type Call, type Endpoint } from '../http/endpoint.ts';
import { Problem } from '../http/problem.ts';
import { isUnchanged } from '../http/request/conditional.ts';
import type { ClientAuthenticator } from './clients/client-authenticator.ts';
import { readBearer } from './guard.ts';
import type { KeyManager } from './keys/key-manager.ts';
import { originOf } from './oauth-routes.ts';
import { jwksResponse, metadataResponse, sessionResponse, tokenResponse } from './responses.ts';
import { refreshSchema, resetSchema, type Credentials } from './schemas.ts';
import type { TokenService } from './tokens/token-service.ts';

const bodyLimitBytes = 16_384;
const jwksMaxAgeSeconds = 300;
const authMethods = ['client_secret_basic', 'client_secret_post', 'none'];

interface TokenServices {
  readonly authenticator: ClientAuthenticator;
  readonly tokens: TokenService;
  /** All permissions that a token may hold. */
  readonly permissions: readonly string[];
}

interface DiscoveryServices extends Pick<TokenServices, 'permissions'> {
  readonly keys: KeyManager;
  readonly config: Pick<CoreConfig, 'issuer'>;
}

/** Issue and rotate tokens for clients with a one-time password. */
export function authEndpoints({ authenticator, tokens, permissions }: TokenServices): Endpoint[] {
  const answer = tokenResponse(permissions);
  return [
    endpoint({
      method: 'POST',
      path: '/auth/reset',
      access: 'public',
      body: { reader: formBody(bodyLimitBytes), schema: resetSchema },
      docs: {
        operationId: 'resetTokens',
        summary: 'Exchange client credentials for tokens',
        tag: 'auth',
        statuses: { 401: 'Wrong or used credentials' },
        answer,
        body: { examples: { credentials: { username: 'demo', password: '...' } } },
      },
      handle: async (call) => {
        const { username, password, scope } = readCredentials(call);
        const client = await authenticator.authenticate(username, password, call.address);
        return { body: await tokens.reset(client, scope, originOf(call)) };
      },
    }),
    endpoint({
      method: 'POST',
      path: '/auth/refresh',
      access: 'refresh token',
      body: { reader: optionalFormBody(bodyLimitBytes), schema: refreshSchema },
      docs: {
        operationId: 'refreshTokens',
        summary: 'Exchange a refresh token for its successor; a replay revokes the family',
        tag: 'auth',
        statuses: {},
        answer,
        body: { examples: { narrower: { scope: 'models:read' } } },
      },
      handle: async (call) => ({
        body: await tokens.refresh(readBearer(call.headers.authorization), call.body, originOf(call)),
      }),
    }),
  ];
}

/** Behind the guard: describes the caller's own session. */
export function sessionEndpoints({ permissions }: Pick<TokenServices, 'permissions'>): Endpoint[] {
  return [
    endpoint({
      method: 'GET',
      path: '/auth/session',
      access: 'access token',
      docs: {
        operationId: 'getSession',
        summary: 'Client, scopes and expiry of the access token',
        tag: 'auth',
        statuses: {},
        answer: sessionResponse(permissions),
      },
      handle: ({ session }) => ({
        body: {
          client: session?.clientName,
          scopes: session?.scopes,
          expiresAt: new Date(session?.expiresAt ?? 0).toISOString(),
        },
      }),
    }),
  ];
}

/** Public keys and metadata, for other services that verify our tokens. */
export function discoveryEndpoints({ keys, config, permissions }: DiscoveryServices): Endpoint[] {
  return [
    endpoint({
      method: 'GET',
      path: '/.well-known/jwks.json',
      access: 'public',
      docs: {
        operationId: 'getKeys',
        summary: 'Public keys (RFC 7517)',
        tag: 'discovery',
        statuses: { 304: 'Unchanged' },
        answer: jwksResponse,
      },
      handle: (call) => cacheable(call, { keys: keys.publicKeys() }),
    }),
    endpoint({
      method: 'GET',
      path: '/.well-known/oauth-authorization-server',
      access: 'public',
      docs: {
        operationId: 'getServerMetadata',
        summary: 'Metadata (RFC 8414)',
        tag: 'discovery',
        statuses: {},
        answer: metadataResponse,
      },
      handle: () => ({ body: metadata(config.issuer, permissions) }),
    }),
  ];
}

/** RFC 6749 section 2.3: one authentication method per request; here it is the body. */
function readCredentials({ headers, body }: Call<unknown, unknown, Credentials>): Credentials {
  if (/^basic(?: |$)/i.test(headers.authorization ?? '')) {
    throw new Problem(400, 'invalid_request', 'The credentials belong in the body.');
  }
  return body;
}

function cacheable(call: Call, body: object): EndpointResponse {
  const etag = `"${createHash('sha256').update(JSON.stringify(body)).digest('base64url')}"`;
  const headers = { 'cache-control': `public, max-age=${jwksMaxAgeSeconds}`, etag };
  if (isUnchanged(call.headers, etag)) return { status: 304, headers };
  return { headers: { ...headers, 'content-type': 'application/jwk-set+json' }, body };
}

/** RFC 8414. Built from the configured issuer, never from the Host header, which a client controls. */
function metadata(issuer: string, permissions: readonly string[]): object {
  return {
    issuer,
    token_endpoint: `${issuer}/auth/token`,
    revocation_endpoint: `${issuer}/auth/revoke`,
    jwks_uri: `${issuer}/.well-known/jwks.json`,
    scopes_supported: permissions,
    response_types_supported: [],
    grant_types_supported: ['client_credentials', 'refresh_token'],
    // "none": clients with a one-time password authenticate by their refresh token alone, since the password is used by then.
    token_endpoint_auth_methods_supported: authMethods,
    revocation_endpoint_auth_methods_supported: authMethods,
  };
}
