import { KeyError } from '../stores/key-store.ts';
import type { SigningKey } from './signing-key.ts';

const clockSkewMs = 60_000;

export type KeyState = 'signing' | 'published' | 'verifying' | 'retired';

/** An immutable snapshot of the stored keys; each reload makes a new one. Times are epoch milliseconds. */
export class KeyRing {
  readonly #keys: readonly SigningKey[];
  readonly #tokenLifeMs: number;

  /**
   * @param keys sorted by `signsFrom`
   * @param tokenLifeMs the longest lifetime of a token
   */
  constructor(keys: readonly SigningKey[], tokenLifeMs: number) {
    this.#keys = keys;
    this.#tokenLifeMs = tokenLifeMs;
  }

  get keys(): readonly SigningKey[] {
    return this.#keys;
  }

  get(kid: string): SigningKey | undefined {
    return this.#keys.find((key) => key.kid === kid);
  }

  /** Returns the newest active key: not retired, and `signsFrom` not in the future. */
  signingAt(now: number): SigningKey | undefined {
    return this.#keys.findLast(({ signsFrom, retiredAt }) => retiredAt === null && signsFrom <= now);
  }

  /** A replaced key verifies until the last refresh token that it may have signed has expired. After that it counts as retired. */
  stateAt(key: SigningKey, now: number): KeyState {
    if (key.retiredAt !== null) return 'retired';
    if (key.signsFrom > now) return 'published';
    const endsAt = this.endOf(key, now);
    if (endsAt === undefined) return 'signing';
    return now < endsAt ? 'verifying' : 'retired';
  }

  /** When the last token of a key expires, in epoch milliseconds; undefined while the key signs. */
  endOf(key: SigningKey, now: number): number | undefined {
    const later = this.#keys.slice(this.#keys.indexOf(key) + 1);
    const successor = later.find(({ signsFrom, retiredAt }) => retiredAt === null && signsFrom <= now);
    return successor === undefined ? undefined : successor.signsFrom + this.#tokenLifeMs + clockSkewMs;
  }

  /** Keys that verify tokens now or will soon. */
  publishedAt(now: number): readonly SigningKey[] {
    return this.#keys.filter((key) => this.stateAt(key, now) !== 'retired');
  }

  /** @throws {KeyError} if a valid token may have been signed with this key; the message says what would break */
  checkUnused(key: SigningKey, now: number): void {
    const { kid } = key;
    const leaked = `if it leaked, run "keys retire ${kid} --now" to reject every token that it signed`;
    const state = this.stateAt(key, now);
    if (state === 'signing') {
      throw new KeyError(`${kid} is the active signing key: replace it with "keys rotate" first; ${leaked}`);
    }
    if (state === 'verifying') {
      const until = new Date(this.endOf(key, now) ?? now).toISOString();
      throw new KeyError(`tokens that ${kid} signed are valid until ${until}, when it retires by itself; ${leaked}`);
    }
  }
}
