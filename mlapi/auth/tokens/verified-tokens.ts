import { hash } from 'node:crypto';
import type { Session } from '../../http/session.ts';
import type { AccessClaims } from './claims.ts';
import type { Verified } from './token-maker.ts';

const maxTokens = 10_000;

/** An access token whose signature and claims are good, and what was found about it in the database. */
export interface VerifiedToken extends Verified<AccessClaims> {
  /** Epoch milliseconds. */
  readonly verifiedAt: number;
  /** The state of the database in which the session was good. */
  readonly changes: number | undefined;
  readonly session: Session;
}

/**
 * Remembers verified access tokens by their digest, for as long as they are valid: neither the signature nor the claims of equal
 * bytes can turn bad before. Whether the family lives is not for this to say. The oldest of 10,000 makes room.
 */
export class VerifiedTokens {
  readonly #byDigest = new Map<string, VerifiedToken>();

  static digest(token: string): string {
    return hash('sha256', token, 'base64');
  }

  get size(): number {
    return this.#byDigest.size;
  }

  /** @returns undefined also where the clock was set back: what was not of the future then may be now */
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
