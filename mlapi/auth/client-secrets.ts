import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Client } from './types.ts';

const secretBytes = 32;
/** Compared instead of a missing digest, so that every lookup takes the same time. Random: no secret hashes to it. */
const nobodysDigest = makeVoidDigest();

/** Makes a secret of 256 random bits. Secret scanners recognise leaked ones by the prefix. */
export function makeSecret(): string {
  return `mlapi_${randomBytes(secretBytes).toString('base64url')}`;
}

/**
 * Returns the SHA-256 of a secret, base64url: the only form in which it is stored. NIST SP 800-63B section 5.1.1.2 asks for a slow hash for
 * passwords, because people choose guessable ones. 256 random bits need none, and a fast hash leaves no queue for a flood of wrong secrets
 * to fill.
 */
export function digestSecret(secret: string): string {
  return createHash('sha256').update(secret).digest('base64url');
}

/** Makes a digest that no known secret matches. */
export function makeVoidDigest(): string {
  return randomBytes(secretBytes).toString('base64url');
}

/** A secret that matched, and when it expires: epoch milliseconds, or null if no end is set. */
export interface SecretMatch {
  readonly endsAt: number | null;
}

/**
 * Compares a secret with the current and the previous one of a client. Takes the same time if the client does not exist, has a one-time
 * password or has no previous secret.
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
