import { formBody, urlencodedBody } from '../http/body/readers.ts';
import { endpoint, type EndpointResponse, type Call, type Endpoint } from '../http/endpoint.ts';
import { Problem } from '../http/problem.ts';
import type { ClientAuthenticator } from './clients/client-authenticator.ts';
import { readPresentedClient, type PresentedClient } from './clients/presented-client.ts';
import { clientRefused, grantRefused } from './problems.ts';
import { grantResponse } from './responses.ts';
import { revokeSchema, tokenSchema, type TokenForm } from './schemas.ts';
import type { ClientGrants } from './tokens/client-grants.ts';
import type { TokenService } from './tokens/token-service.ts';
import type { AccessResponse, Origin } from './types.ts';

const bodyLimitBytes = 16_384;

interface OAuthOptions {
  readonly authenticator: ClientAuthenticator;
  readonly tokens: TokenService;
  readonly grants: ClientGrants;
}

type Grant = (form: TokenForm, presented: PresentedClient, origin: Origin) => Promise<AccessResponse>;

/** OAuth 2.0 token endpoint (RFC 6749) and revocation endpoint (RFC 7009), for standard client libraries. */
export function oauthEndpoints({ authenticator, tokens, grants }: OAuthOptions): Endpoint[] {
  const grantTypes = new Map<string, Grant>([
    [
      'client_credentials',
      async ({ scope }, { id: name, secret }, origin) => {
        if (name === undefined || secret === undefined) throw clientRefused('no name or no secret');
        await authenticator.authenticateSecret(name, secret);
        return grants.grant({ name, secret, scope }, origin);
      },
    ],
    [
      'refresh_token',
      async ({ scope, refresh_token: token }, { id: clientName, secret }, origin) => {
        if (clientName !== undefined && secret !== undefined) {
          await authenticator.authenticateSecret(clientName, secret);
          throw new Problem(
            400,
            'unauthorized_client',
            'A reusable client has no refresh tokens: use grant_type client_credentials.',
          );
        }
        if (token === undefined) throw new Problem(400, 'invalid_request', 'The refresh_token is missing.');
        return tokens.refresh(token, { scope, clientName }, origin).catch(refusedAsGrant);
      },
    ],
  ]);
  return [
    endpoint({
      method: 'POST',
      path: '/auth/token',
      access: 'public',
      body: { reader: urlencodedBody(bodyLimitBytes), schema: tokenSchema },
      docs: {
        operationId: 'requestToken',
        summary: 'OAuth 2.0 token endpoint (RFC 6749): exchange a client secret or a refresh token for tokens',
        tag: 'auth',
        statuses: { 401: 'Unknown client or wrong secret' },
        answer: grantResponse,
        body: {
          examples: {
            'client credentials': { grant_type: 'client_credentials', client_id: 'cron', client_secret: 'mlapi_...' },
            'refresh token': { grant_type: 'refresh_token', refresh_token: 'eyJ...' },
          },
        },
      },
      handle: async (call): Promise<EndpointResponse> => {
        const form = call.body;
        const grant = grantTypes.get(form.grant_type);
        if (grant === undefined) {
          const known = [...grantTypes.keys()].join(', ');
          throw new Problem(400, 'unsupported_grant_type', `Supported grant types: ${known}.`);
        }
        const presented = readPresentedClient(call.headers.authorization, form);
        // RFC 6749 section 5.1 asks for it beside the Cache-Control of every response.
        return { headers: { pragma: 'no-cache' }, body: await grant(form, presented, originOf(call)) };
      },
    }),
    endpoint({
      method: 'POST',
      path: '/auth/revoke',
      access: 'public',
      body: { reader: formBody(bodyLimitBytes), schema: revokeSchema },
      docs: {
        operationId: 'revokeToken',
        summary: 'Revoke the family of a token (RFC 7009); 200 for unknown tokens too',
        tag: 'auth',
        statuses: { 401: 'Unknown client or wrong secret' },
        body: { examples: { token: { token: 'eyJ...' } } },
      },
      handle: async (call) => {
        const form = call.body;
        const { id, secret } = readPresentedClient(call.headers.authorization, form);
        if (id !== undefined && secret !== undefined) await authenticator.authenticateSecret(id, secret);
        await tokens.revoke(form.token, originOf(call), id);
        return {};
      },
    }),
  ];
}

export function originOf({ address, requestId }: Call): Origin {
  return { address, requestId };
}

/** RFC 6749 section 5.2: a bad refresh token is `invalid_grant` (400) here, and 401 at /auth/refresh. */
function refusedAsGrant(error: unknown): never {
  throw error instanceof Problem && error.code === 'invalid_token' ? grantRefused(error.cause) : error;
}
