import { isClientName } from '../clients/client-names.ts';
import type { CoreConfig } from '../../config/core-config.ts';
import { TokenRejected } from '../keys/compact-jws.ts';
import type { TokenFamily } from '../types.ts';

/** Type of access tokens (RFC 9068). */
export const accessTokenType = 'at+jwt';
/** Type of refresh tokens. Types and audiences differ, so that neither token passes for the other (RFC 8725 section 3.12). */
export const refreshTokenType = 'rt+jwt';

const clockSkewSeconds = 5;

type TokenConfig = Pick<
  CoreConfig,
  'issuer' | 'audience' | 'accessTtlSeconds' | 'refreshTtlSeconds' | 'refreshMaxTtlSeconds'
>;
type Claims = Readonly<Record<string, unknown>>;

/** The verified claims that the service uses. Times are epoch seconds (RFC 7519). */
export interface TokenClaims {
  readonly familyId: string;
  readonly clientName: string;
  readonly jti: string;
  readonly expiresAtSeconds: number;
}

/** Claims of an access token. */
export interface AccessClaims extends TokenClaims {
  readonly scopes: readonly string[];
}

/** Claims of a refresh token. Generation and jti tell whether it is the unused head of its family. */
export interface RefreshClaims extends TokenClaims {
  readonly generation: number;
}

/** The fields of a token family that its tokens contain. */
export type FamilyHead = Pick<
  TokenFamily,
  'id' | 'clientName' | 'generation' | 'refreshJti' | 'rotatedAt' | 'expiresAt'
>;

/** Audience of refresh tokens: only this service accepts them. */
function refreshAudience(issuer: string): string {
  return `${issuer}/auth/refresh`;
}

/** No token outlives its family. @param now epoch milliseconds */
export function makeAccessClaims(
  config: TokenConfig,
  family: FamilyHead,
  scopes: readonly string[],
  jti: string,
  now: number,
): Record<string, unknown> & { exp: number } {
  const iat = toSeconds(now);
  return {
    iss: config.issuer,
    aud: config.audience,
    sub: family.clientName,
    client_id: family.clientName,
    iat,
    exp: Math.min(iat + config.accessTtlSeconds, toSeconds(family.expiresAt)),
    jti,
    scope: scopes.join(' '),
    fid: family.id,
  };
}

/** Deterministic for the head of a family, so that a retry within the grace period gets the same token. */
export function makeRefreshClaims(config: TokenConfig, family: FamilyHead): Record<string, unknown> & { exp: number } {
  const iat = toSeconds(family.rotatedAt);
  return {
    iss: config.issuer,
    aud: refreshAudience(config.issuer),
    sub: family.clientName,
    client_id: family.clientName,
    iat,
    exp: Math.min(iat + config.refreshTtlSeconds, toSeconds(family.expiresAt)),
    jti: family.refreshJti,
    fid: family.id,
    gen: family.generation,
  };
}

/** @throws {TokenRejected} */
export function checkAccessClaims(config: TokenConfig, claims: Claims, now: number): AccessClaims {
  const common = checkCommon(claims, config.issuer, config.audience, config.accessTtlSeconds, now);
  const scope = readText(claims, 'scope', 1_024, /^(?:[\x21\x23-\x5b\x5d-\x7e]+(?: [\x21\x23-\x5b\x5d-\x7e]+)*)?$/);
  return { ...common, scopes: scope === '' ? [] : scope.split(' ') };
}

/** @throws {TokenRejected} */
export function checkRefreshClaims(config: TokenConfig, claims: Claims, now: number): RefreshClaims {
  const common = checkCommon(claims, config.issuer, refreshAudience(config.issuer), config.refreshTtlSeconds, now);
  return { ...common, generation: readInteger(claims, 'gen') };
}

function checkCommon(
  claims: Claims,
  issuer: string,
  audience: string,
  maxLifeSeconds: number,
  now: number,
): TokenClaims {
  if (claims.iss !== issuer) throw new TokenRejected('iss');
  if (claims.aud !== audience) throw new TokenRejected('aud');
  const nowSeconds = now / 1_000;
  const iat = readInteger(claims, 'iat');
  const exp = readInteger(claims, 'exp');
  if (exp <= nowSeconds) throw new TokenRejected('exp is past');
  if (iat > nowSeconds + clockSkewSeconds) throw new TokenRejected('iat is in the future');
  if (exp <= iat || exp - iat > maxLifeSeconds) throw new TokenRejected('exp is not one of ours');
  if (claims.nbf !== undefined) throw new TokenRejected('nbf is not one of ours');
  const clientName = claims.sub;
  if (typeof clientName !== 'string' || !isClientName(clientName)) throw new TokenRejected('sub');
  if (claims.client_id !== clientName) throw new TokenRejected('client_id');
  return {
    familyId: readText(claims, 'fid', 64),
    clientName,
    jti: readText(claims, 'jti', 64),
    expiresAtSeconds: exp,
  };
}

function readText(claims: Claims, name: string, maxLength: number, pattern = /^[A-Za-z0-9._@-]+$/): string {
  const value = claims[name];
  if (typeof value !== 'string' || value.length > maxLength || !pattern.test(value)) throw new TokenRejected(name);
  return value;
}

function readInteger(claims: Claims, name: string): number {
  const value = claims[name];
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) throw new TokenRejected(name);
  return value;
}

function toSeconds(epochMs: number): number {
  return Math.floor(epochMs / 1_000);
}
