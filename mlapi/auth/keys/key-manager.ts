import type { JsonWebKey } from 'node:crypto';
import jsonwebtoken from 'jsonwebtoken';
import type { Config } from '../../config/config.ts';
import { serviceBusy } from '../../http/problem.ts';
import type { SigningKeyRow } from '../../persistence/schema.ts';
import { KeyError, type KeyEntry, type KeyStore, type Resealed } from '../stores/key-store.ts';
import { parseCompactJws, TokenRejected } from './compact-jws.ts';
import { KeyRing, type KeyState } from './key-ring.ts';
import { KeyVault, WrongPassphrase } from './key-vault.ts';
import { makeKeyRow, openKey, type SigningKey } from './signing-key.ts';

const algorithm = 'RS256';
/** A new key is published this long before it signs, so that whoever caches the JWKS has it by then. */
const publishLeadMs = 10 * 60_000;
const thumbprintForm = /^[A-Za-z0-9_-]{43}$/;
/** As the configuration takes it from a variable, and from a file, whose ends it trims. */
const passphraseForm = /^\S.{14,1022}\S$/u;

interface KeyManagerOptions {
  readonly store: KeyStore;
  readonly config: Pick<Config, 'keyBits' | 'keyPassphrase' | 'refreshMaxTtlSeconds'>;
  readonly clock: () => number;
}

/**
 * Owns the RSA key pairs: made at the first start, stored sealed, known by `kid` (RFC 7638 thumbprint). Private keys never
 * leave this object. Keys that another process makes or retires are seen here at the next `reload`.
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

  /** Loads the keys, and makes the first one if there is none. @throws {WrongPassphrase} unless every key opens */
  static async open(options: KeyManagerOptions): Promise<KeyManager> {
    const { keyPassphrase } = options.config;
    if (keyPassphrase === undefined) {
      throw new Error('MLAPI_KEY_PASSPHRASE or MLAPI_KEY_PASSPHRASE_FILE is required: it encrypts the private keys');
    }
    const manager = new KeyManager(options, keyPassphrase);
    await manager.reload();
    if (manager.#ring.keys.length === 0 && manager.#unopened.size === 0) {
      await options.store.addFirst(await manager.#makeKey(options.clock()));
      // Another process may have been faster: its key is read anew, and later ones are sealed as that one.
      manager.#vault = new KeyVault(keyPassphrase);
      await manager.reload();
    }
    const [unopened] = manager.#unopened;
    if (unopened !== undefined) throw new WrongPassphrase(unopened);
    return manager;
  }

  /**
   * Reads the stored keys again, and opens those that are new. One look at a time, so that an older one never replaces a
   * newer one; whoever comes while one waits shares it.
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

  /** The keys that do not open: they were stored under another passphrase since this process began. The others serve on. */
  get unopened(): readonly string[] {
    return [...this.#unopened];
  }

  /** Signs claims with the newest key whose time has come. @returns a compact JWS with `alg`, `typ` and `kid`. */
  sign(claims: object, typ: string): string {
    const key = this.#ring.signingAt(this.#clock());
    if (key === undefined) {
      throw serviceBusy(new Error('no signing key is due: the clock may stand before the time of the first key'));
    }
    return jsonwebtoken.sign(claims, key.privateKey, {
      algorithm,
      header: { alg: algorithm, typ, kid: key.kid },
    });
  }

  /**
   * Verifies form and signature of a token of one kind. Its claims and its revocation are the token service's to judge.
   * @returns the claims and the `kid` that signed them. @throws {TokenRejected}, {Problem} 503 for a key that does not open
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

  /** The public keys that verify tokens now or will soon (RFC 7517). */
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

  /** Makes a key that signs after the publishing lead, or at once. @returns its `kid`. */
  async rotate({ now = false } = {}): Promise<string> {
    const row = await this.#makeKey(this.#clock() + (now ? 0 : publishLeadMs));
    await this.#store.add(row);
    await this.reload();
    return row.kid;
  }

  /**
   * Ends a key whose tokens are over, or which has signed none yet. With `now`, any key: every token that it signed is refused
   * from now on, and if it is the one that signs, a new one signs in its place from the same moment on.
   * @returns the `kid` of the new key, if one was made. @throws {KeyError} that says what would break
   */
  async retire(kid: string, { now = false } = {}): Promise<string | undefined> {
    await this.reload();
    const at = this.#clock();
    const key = this.#ring.get(kid);
    if (key?.retiredAt !== null) throw new KeyError(`there is no key ${kid} to retire`);
    if (!now) this.#ring.checkUnused(key, at);
    const successor = key === this.#ring.signingAt(at) ? await this.#makeKey(at) : undefined;
    await this.#store.retire(kid, at, successor);
    await this.reload();
    return successor?.kid;
  }

  /**
   * Seals every key under another passphrase, all or none. Processes that have them open serve on; each start needs the
   * new one. @returns how many keys there are. @throws {KeyError}
   */
  async changePassphrase(passphrase: string): Promise<number> {
    if (!passphraseForm.test(passphrase)) {
      throw new KeyError('a passphrase is one line of 16 to 1024 characters, without white space at its ends');
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

  /** An unknown `kid` may be a key that another process made: one look by its primary key tells. */
  async #find(kid: string): Promise<SigningKey | undefined> {
    const known = this.#ring.get(kid);
    if (known !== undefined || !thumbprintForm.test(kid) || !(await this.#store.isGood(kid))) return known;
    await this.reload();
    // Nothing is wrong with the token: other processes can read it, and this one after it got the new passphrase.
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

  /** @returns undefined for a key that is gone since it was listed. @throws {WrongPassphrase} */
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
