import type { JsonWebKey } from 'node:crypto';
import jsonwebtoken from 'jsonwebtoken';
import type { CoreConfig } from '../../config/core-config.ts';
import { serviceBusy } from '../../http/problem.ts';
import type { SigningKeyRow } from '../../persistence/schema.ts';
import { KeyError, type KeyEntry, type KeyStore, type Resealed } from '../stores/key-store.ts';
import { parseCompactJws, TokenRejected } from './compact-jws.ts';
import { KeyRing, type KeyState } from './key-ring.ts';
import { KeyVault, WrongPassphrase } from './key-vault.ts';
import { makeKeyRow, openKey, type SigningKey } from './signing-key.ts';

const algorithm = 'RS256';
/** A new key is published 10 minutes before it signs, so that clients that cache the JWKS have it by then. */
const publishLeadMs = 10 * 60_000;
const thumbprintForm = /^[A-Za-z0-9_-]{43}$/;
/** Must match what the configuration accepts; it trims a passphrase read from a file. */
const passphraseForm = /^\S.{14,1022}\S$/u;

interface KeyManagerOptions {
  readonly store: KeyStore;
  readonly config: Pick<CoreConfig, 'keyBits' | 'keyPassphrase' | 'refreshMaxTtlSeconds'>;
  readonly clock: () => number;
}

/**
 * Owns the RSA key pairs: created at the first start, stored encrypted, identified by `kid` (RFC 7638 thumbprint). Private keys never leave
 * this object. Keys that another process creates or retires appear at the next `reload`.
 * @example
 * const keys = await KeyManager.open({ store: new KeyStore(database), config, clock: Date.now });
 * const token = keys.sign({ sub: 'demo' }, 'at+jwt');
 * const { kid, claims } = await keys.verify(token, 'at+jwt');
 */
export class KeyManager {
  readonly #store: KeyStore;
  readonly #config: KeyManagerOptions['config'];
  readonly #clock: () => number;
  #vault: KeyVault;
  #ring: KeyRing;
  #unopened: ReadonlySet<string> = new Set();
  #lastLook = Promise.resolve();
  #nextLook: Promise<void> | undefined;

  private constructor({ store, config, clock }: KeyManagerOptions, passphrase: string) {
    this.#store = store;
    this.#config = config;
    this.#clock = clock;
    this.#vault = new KeyVault(passphrase);
    this.#ring = this.#ringOf([]);
  }

  /** Loads the keys, and creates the first one if there is none. @throws {WrongPassphrase} unless every key can be decrypted */
  static async open(options: KeyManagerOptions): Promise<KeyManager> {
    const { keyPassphrase } = options.config;
    if (keyPassphrase === undefined) {
      throw new Error('MLAPI_KEY_PASSPHRASE or MLAPI_KEY_PASSPHRASE_FILE is required: it encrypts the private keys');
    }
    const manager = new KeyManager(options, keyPassphrase);
    await manager.reload();
    if (manager.#ring.keys.length === 0 && manager.#unopened.size === 0) {
      await options.store.addFirst(await manager.#makeKey(options.clock()));
      // Another process may have been faster. Then its key is loaded, and its salt is used for later keys.
      manager.#vault = new KeyVault(keyPassphrase);
      await manager.reload();
    }
    const [unopened] = manager.#unopened;
    if (unopened !== undefined) throw new WrongPassphrase(unopened);
    return manager;
  }

  /**
   * Reads the stored keys again and decrypts new ones. Reloads run one at a time, so that an older result never replaces a newer one;
   * callers that arrive while one is queued share it.
   */
  reload(): Promise<void> {
    this.#nextLook ??= this.#lastLook
      .catch(() => undefined)
      .then(() => {
        this.#nextLook = undefined;
        this.#lastLook = this.#look();
        return this.#lastLook;
      });
    return this.#nextLook;
  }

  /** Ids of the keys that cannot be decrypted, because another process changed the passphrase. The other keys stay in use. */
  get unopened(): readonly string[] {
    return [...this.#unopened];
  }

  /**
   * Signs claims with the newest key that is active.
   * @param typ media type in the header, such as `at+jwt` (RFC 9068)
   * @returns a compact JWS with `alg`, `typ` and `kid`
   * @throws {Problem} 503 if no key is active yet
   */
  sign(claims: object, typ: string): string {
    const key = this.#ring.signingAt(this.#clock());
    if (key === undefined) {
      throw serviceBusy(new Error('no signing key is active yet: is the system clock wrong?'));
    }
    return jsonwebtoken.sign(claims, key.privateKey, {
      algorithm,
      header: { alg: algorithm, typ, kid: key.kid },
    });
  }

  /**
   * Verifies form, type and signature of a token. Claims and revocation are checked by `TokenService`.
   * @returns the claims, and the `kid` of the key that signed them
   * @throws {TokenRejected}
   * @throws {Problem} 503 if the key cannot be decrypted
   */
  async verify(token: string, typ: string): Promise<{ kid: string; claims: Readonly<Record<string, unknown>> }> {
    const jws = parseCompactJws(token);
    const type = jws.typ.toLowerCase();
    if (type !== typ && type !== `application/${typ}`) throw new TokenRejected('typ');
    if (jws.alg !== algorithm) throw new TokenRejected('alg');
    const key = await this.#find(jws.kid);
    if (key?.retiredAt !== null) throw new TokenRejected('kid');
    try {
      jsonwebtoken.verify(token, key.publicKey, {
        algorithms: [algorithm],
        ignoreExpiration: true,
        ignoreNotBefore: true,
      });
    } catch (cause) {
      throw new TokenRejected('signature', { cause });
    }
    return { kid: jws.kid, claims: jws.claims };
  }

  /** Returns the public keys that verify tokens now or will soon, as JWKs (RFC 7517). */
  publicKeys(): JsonWebKey[] {
    return this.#ring
      .publishedAt(this.#clock())
      .map(({ kid, publicJwk: { kty, n, e } }) => ({ kty, use: 'sig', alg: algorithm, kid, n, e }) as JsonWebKey);
  }

  list(): { kid: string; state: KeyState; createdAt: number; signsFrom: number }[] {
    return this.#ring.keys.map((key) => ({
      kid: key.kid,
      state: this.#ring.stateAt(key, this.#clock()),
      createdAt: key.createdAt,
      signsFrom: key.signsFrom,
    }));
  }

  /** Makes a key that signs in 10 minutes, or at once with `now`. @returns its `kid`. @throws {KeyError} */
  async rotate({ now = false } = {}): Promise<string> {
    const row = await this.#makeKey(this.#clock() + (now ? 0 : publishLeadMs));
    await this.#store.add(row);
    await this.reload();
    return row.kid;
  }

  /**
   * Retires a key that no valid token was signed with. With `now`, retires any key: tokens that it signed are rejected from then on, and if
   * it was the active one, a new key replaces it in the same transaction.
   * @returns the `kid` of the new key, if one was made
   * @throws {KeyError} that says what would break
   */
  async retire(kid: string, { now = false } = {}): Promise<string | undefined> {
    await this.reload();
    const at = this.#clock();
    const key = this.#ring.get(kid);
    if (key?.retiredAt !== null) throw new KeyError(`no key ${kid}, or it is retired already`);
    if (!now) this.#ring.checkUnused(key, at);
    const successor = key === this.#ring.signingAt(at) ? await this.#makeKey(at) : undefined;
    await this.#store.retire(kid, at, successor);
    await this.reload();
    return successor?.kid;
  }

  /**
   * Encrypts every key under a new passphrase, all or none. Running processes keep their decrypted keys; the next start of each needs the
   * new passphrase.
   * @returns the number of keys
   * @throws {KeyError}
   */
  async changePassphrase(passphrase: string): Promise<number> {
    if (!passphraseForm.test(passphrase)) {
      throw new KeyError('a passphrase must be one line of 16 to 1024 characters, without spaces at either end');
    }
    const vault = new KeyVault(passphrase);
    const resealed: Resealed[] = [];
    for (const { kid } of await this.#store.list()) {
      const before = (await this.#store.sealedKey(kid)) ?? '';
      resealed.push({ kid, before, after: await vault.seal(await this.#vault.open(before, kid), kid) });
    }
    await this.#store.reseal(resealed, this.#clock());
    this.#vault = vault;
    return resealed.length;
  }

  /** Looks an unknown `kid` up in the database: another process may have made the key. */
  async #find(kid: string): Promise<SigningKey | undefined> {
    const known = this.#ring.get(kid);
    if (known !== undefined || !thumbprintForm.test(kid) || !(await this.#store.isGood(kid))) return known;
    await this.reload();
    // The token may be valid: other processes can verify it, and so can this one once it has the new passphrase.
    if (this.#unopened.has(kid)) throw serviceBusy(new WrongPassphrase(kid));
    return this.#ring.get(kid);
  }

  async #look(): Promise<void> {
    const keys: SigningKey[] = [];
    const unopened = new Set<string>();
    for (const entry of await this.#store.list()) {
      const key = await this.#open(entry).catch((error: unknown) => {
        if (!(error instanceof WrongPassphrase)) throw error;
        unopened.add(entry.kid);
      });
      if (key !== undefined) keys.push(key);
    }
    this.#ring = this.#ringOf(keys);
    this.#unopened = unopened;
  }

  /** @returns undefined if the key was deleted after it was listed. @throws {WrongPassphrase} */
  async #open(entry: KeyEntry): Promise<SigningKey | undefined> {
    const known = this.#ring.get(entry.kid);
    if (known !== undefined) return { ...known, signsFrom: entry.signs_from, retiredAt: entry.retired_at };
    const sealed = await this.#store.sealedKey(entry.kid);
    return sealed === undefined ? undefined : openKey(this.#vault, { ...entry, sealed_private_key: sealed });
  }

  #ringOf(keys: readonly SigningKey[]): KeyRing {
    return new KeyRing(keys, this.#config.refreshMaxTtlSeconds * 1_000);
  }

  #makeKey(signsFrom: number): Promise<SigningKeyRow> {
    return makeKeyRow(this.#vault, { keyBits: this.#config.keyBits, createdAt: this.#clock(), signsFrom });
  }
}
