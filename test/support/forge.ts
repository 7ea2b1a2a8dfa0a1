import { randomUUID, sign, type KeyObject } from 'node:crypto';
import { expect } from '@jest/globals';
import { KeyVault } from '../../mlapi/auth/keys/key-vault.ts';
import type { TestService } from './service.ts';

/** The service's own signing key, which no attacker has: with it a test can put bad claims under a valid signature. */
export async function openSigningKey({ services }: TestService): Promise<{ kid: string; privateKey: KeyObject }> {
  const row = await services.database
    .selectFrom('signing_keys')
    .selectAll()
    .orderBy('signs_from', 'desc')
    .executeTakeFirstOrThrow();
  const vault = new KeyVault(services.config.keyPassphrase ?? '');
  const privateKey = await vault.open(row.sealed_private_key, row.kid);
  return { kid: row.kid, privateKey };
}

/** Encodes JSON text or a value as a part of a JWS. */
export function encodePart(part: unknown): string {
  const text = typeof part === 'string' || Buffer.isBuffer(part) ? part : JSON.stringify(part);
  return Buffer.from(text).toString('base64url');
}

/** A validly signed JWS with any content. Strings are used as the parts' JSON text. */
export function signParts(header: unknown, payload: unknown, key: KeyObject, hash = 'sha256'): string {
  const input = `${encodePart(header)}.${encodePart(payload)}`;
  return `${input}.${sign(hash, Buffer.from(input), key).toString('base64url')}`;
}

/** Header and claims of a token; the signature is not verified. */
export function decodeToken(token: string): {
  header: Record<string, unknown>;
  claims: Record<string, unknown>;
} {
  const [header = '', payload = ''] = token.split('.').map((part) => Buffer.from(part, 'base64url').toString());
  return {
    header: JSON.parse(header) as Record<string, unknown>,
    claims: JSON.parse(payload) as Record<string, unknown>,
  };
}

export type Forger = Awaited<ReturnType<typeof startForger>>;

/** Forges tokens for a service: a valid access token with changes. */
export async function startForger(service: TestService) {
  const { kid, privateKey } = await openSigningKey(service);
  const { name, tokens } = await service.newClient();
  const good = decodeToken(tokens.access_token);
  return {
    kid,
    privateKey,
    clientName: name,
    tokens,
    header: good.header,
    claims: good.claims,
    /** The valid token with some claims changed; undefined removes one. */
    withClaims: (changes: Record<string, unknown>) =>
      signParts(good.header, { ...good.claims, jti: randomUUID(), ...changes }, privateKey),
    /** The valid token with some header fields changed; undefined removes one. */
    withHeader: (changes: Record<string, unknown>) =>
      signParts({ ...good.header, ...changes }, good.claims, privateKey),
  };
}

/** Expects the refusal that every bad token gets: the same body, and a challenge that does not say why. */
export async function expectTokenRefused(service: TestService, token: string): Promise<void> {
  const { body, headers } = await service.session(token).expect(401);
  const description = 'A valid bearer token is required. Get a new one from /auth/refresh, /auth/reset or /auth/token.';
  expect(body).toEqual({ error: 'invalid_token', error_description: description });
  expect(headers['www-authenticate']).toMatch(/^Bearer realm="mlapi"(?:, error="invalid_token")?$/);
}
