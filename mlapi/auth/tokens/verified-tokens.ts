import { hash } from 'node:crypto';
import type { Session } from '../../http/session.ts';
import type { AccessClaims } from './claims.ts';
import type { Verified } from './token-maker.ts';

const maxTokens = 10_000;

/** An access token with valid signature and claims, and the session that the database confirmed. */
export interface VerifiedToken extends Verified<AccessClaims> {
  /** Epoch milliseconds. */
  readonly verifiedAt: number;
  /** Change counter of the database when the session was confirmed. */
  readonly changes: number | undefined;
  readonly session: Session;
}

/**
 * Caches up to 10,000 verified access tokens by digest until they expire; the oldest is dropped. Signature and claims of equal bytes stay
 * valid until then. Revocation is not cached: the caller checks it.
 */
export class VerifiedTokens {
  readonly #byDigest = new Map<string, VerifiedToken>();

  static digest(token: string): string {
    return hash('sha256', token, 'base64');
  }

  get size(): number {
    return this.#byDigest.size;
  }

  /** @returns undefined also if the clock was set back to before the verification: `iat` may be in the future then */
  find(digest: string, now: number): VerifiedToken | undefined {
    const found = this.#byDigest.get(digest);
    if (found === undefined) return undefined;
    if (now < found.session.expiresAt && now >= found.verifiedAt) return found;
    this.#byDigest.delete(digest);
    return undefined;
  }

  remember(digest: string, token: VerifiedToken): void {
    this.#byDigest.delete(digest);
    if (this.#byDigest.size >= maxTokens) this.#byDigest.delete(this.#byDigest.keys().next().value ?? '');
    this.#byDigest.set(digest, token);
  }

  forget(digest: string): void {
    this.#byDigest.delete(digest);
  }
}
