import type { EndpointDocs } from '../http/endpoint.ts';

type DocumentedResponse = NonNullable<EndpointDocs['answer']>;

const text = { type: 'string' };
const texts = { type: 'array', items: text };
const seconds = { type: 'integer', minimum: 0, description: 'seconds' };
const jwt = 'eyJhbGciOiJSUzI1NiIs...';

function object(title: string, properties: Record<string, object>): object {
  return { title, type: 'object', required: Object.keys(properties), properties };
}

export const tokenResponse = (permissions: readonly string[]): DocumentedResponse => ({
  schema: object('TokenResponse', {
    access_token: text,
    token_type: { type: 'string', enum: ['Bearer'] },
    expires_in: seconds,
    refresh_token: text,
    refresh_expires_in: seconds,
    scope: text,
  }),
  example: {
    access_token: jwt,
    token_type: 'Bearer',
    expires_in: 900,
    refresh_token: jwt,
    refresh_expires_in: 86_400,
    scope: permissions.join(' '),
  },
});

/** RFC 6749 section 5.1. The refresh token is present only in responses to a refresh token. */
export const grantResponse: DocumentedResponse = {
  schema: {
    title: 'GrantResponse',
    type: 'object',
    required: ['access_token', 'token_type', 'expires_in', 'scope'],
    properties: {
      access_token: text,
      token_type: { type: 'string', enum: ['Bearer'] },
      expires_in: seconds,
      scope: text,
      refresh_token: text,
      refresh_expires_in: seconds,
    },
  },
  example: { access_token: jwt, token_type: 'Bearer', expires_in: 900, scope: 'models:predict models:read' },
};

export const sessionResponse = (permissions: readonly string[]): DocumentedResponse => ({
  schema: object('Session', {
    client: text,
    scopes: { type: 'array', items: text },
    expiresAt: { type: 'string', format: 'date-time' },
  }),
  example: { client: 'demo', scopes: permissions, expiresAt: '2026-01-01T00:15:00.000Z' },
});

export const jwksResponse: DocumentedResponse = {
  mediaType: 'application/jwk-set+json',
  schema: object('JsonWebKeySet', {
    keys: {
      type: 'array',
      items: object('JsonWebKey', {
        kty: { type: 'string', enum: ['RSA'] },
        use: { type: 'string', enum: ['sig'] },
        alg: { type: 'string', enum: ['RS256'] },
        kid: text,
        n: text,
        e: text,
      }),
    },
  }),
};

export const metadataResponse: DocumentedResponse = {
  schema: object('AuthorizationServer', {
    issuer: text,
    token_endpoint: text,
    revocation_endpoint: text,
    jwks_uri: text,
    scopes_supported: texts,
    response_types_supported: { type: 'array', items: text, maxItems: 0 },
    grant_types_supported: texts,
    token_endpoint_auth_methods_supported: texts,
    revocation_endpoint_auth_methods_supported: texts,
  }),
};
