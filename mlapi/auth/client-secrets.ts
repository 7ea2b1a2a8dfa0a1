import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Client } from './types.ts';

const secretBytes = 32;
/** Stands in for a secret that is not there, so that every comparison is made for every name. Nobody knows what hashes to it. */
const nobodysDigest = makeVoidDigest();

/** A secret of 256 random bits. Secret scanners find it by its prefix where it does not belong. */
export function makeSecret(): string {
  return `mlapi_${randomBytes(secretBytes).toString('base64url')}`;
}

/**
 * Returns the SHA-256 of a secret, the only form in which it is stored. NIST SP 800-63B section 5.1.1.2 asks for a slow hash for
 * passwords, because people choose guessable ones; 256 random bits need none, and a fast hash leaves a flood of wrong secrets no queue to fill.
 */
export function digestSecret(secret: string): string {
  return createHash('sha256').update(secret).digest('base64url');
}

/** The digest of no secret. */
export function makeVoidDigest(): string {
  return randomBytes(secretBytes).toString('base64url');
}

/** A secret that is good now, and when it ends; null while that is not known. */
export interface SecretMatch {
  readonly endsAt: number | null;
}

/**
 * Compares a secret with those of a client: with the same effort for one that does not exist, that has a one-time password, or that has
 * no older secret.
 * @param now epoch milliseconds
 */
export function matchSecret(client: Client | undefined, secret: string, now: number): SecretMatch | undefined {
  const { digest, previous } = client?.secret ?? {};
  const given = Buffer.from(digestSecret(secret), 'base64url');
  const isCurrent = isSame(given, digest);
  const isPrevious = isSame(given, previous?.digest);
  if (isCurrent) return { endsAt: null };
  return isPrevious && previous !== undefined && previous.endsAt > now ? { endsAt: previous.endsAt } : undefined;
}

function isSame(given: Buffer, digest = nobodysDigest): boolean {
  const stored = Buffer.from(digest, 'base64url');
  return stored.length === given.length && timingSafeEqual(given, stored);
}
