import { KeyError } from '../stores/key-store.ts';
import type { SigningKey } from './signing-key.ts';

const clockSkewMs = 60_000;

export type KeyState = 'signing' | 'published' | 'verifying' | 'retired';

/** One look at the stored keys. It never changes: a newer look is a new ring. Times are epoch milliseconds. */
export class KeyRing {
  readonly #keys: readonly SigningKey[];
  readonly #tokenLifeMs: number;

  /** @param keys in the order in which they sign. @param tokenLifeMs the longest life of a token */
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

  /** The newest key whose time has come. */
  signingAt(now: number): SigningKey | undefined {
    return this.#keys.findLast(({ signsFrom, retiredAt }) => retiredAt === null && signsFrom <= now);
  }

  /** A key verifies until the last refresh token that it can have signed is over, then it is retired by time. */
  stateAt(key: SigningKey, now: number): KeyState {
    if (key.retiredAt !== null) return 'retired';
    if (key.signsFrom > now) return 'published';
    const endsAt = this.endOf(key, now);
    if (endsAt === undefined) return 'signing';
    return now < endsAt ? 'verifying' : 'retired';
  }

  /** When the last token of a key is over; undefined while it signs. */
  endOf(key: SigningKey, now: number): number | undefined {
    const later = this.#keys.slice(this.#keys.indexOf(key) + 1);
    const successor = later.find(({ signsFrom, retiredAt }) => retiredAt === null && signsFrom <= now);
    return successor === undefined ? undefined : successor.signsFrom + this.#tokenLifeMs + clockSkewMs;
  }

  /** The keys that verify tokens now or will soon. */
  publishedAt(now: number): readonly SigningKey[] {
    return this.#keys.filter((key) => this.stateAt(key, now) !== 'retired');
  }

  /** @throws {KeyError} that says what would break if this key were retired */
  checkUnused(key: SigningKey, now: number): void {
    const { kid } = key;
    const leaked = `if it leaked, "keys retire ${kid} --now" refuses every token that it signed`;
    const state = this.stateAt(key, now);
    if (state === 'signing') {
      throw new KeyError(`${kid} is the key that signs: "keys rotate" gives it a successor; ${leaked}`);
    }
    if (state === 'verifying') {
      const until = new Date(this.endOf(key, now) ?? now).toISOString();
      throw new KeyError(`tokens that ${kid} signed may live until ${until}, when it retires by itself; ${leaked}`);
    }
  }
}
