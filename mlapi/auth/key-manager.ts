import { createHash, createPublicKey, generateKeyPair, type JsonWebKey, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';
import jsonwebtoken from 'jsonwebtoken';
import type { Config } from '../config/config.ts';
import type { SigningKeyRow } from '../persistence/schema.ts';
import { parseCompactJws, TokenRejected } from './compact-jws.ts';
import type { KeyStore } from './key-store.ts';
import { KeyVault } from './key-vault.ts';

const makeKeyPair = promisify(generateKeyPair);
const algorithm = 'RS256';
/** A new key is published this long before it signs, so that whoever caches the JWKS has it by then. */
const publishLeadMs = 10 * 60_000;
const clockSkewMs = 60_000;
const thumbprintForm = /^[A-Za-z0-9_-]{43}$/;

interface SigningKey {
  readonly kid: string;
  readonly publicKey: KeyObject;
  readonly publicJwk: JsonWebKey;
  readonly privateKey: KeyObject;
  readonly createdAt: number;
  readonly signsFrom: number;
  readonly retiredAt: number | null;
}

export type KeyState = 'signing' | 'published' | 'verifying' | 'retired';

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
  readonly #vault: KeyVault;
  readonly #clock: () => number;
  #keys = new Map<string, SigningKey>();

  private constructor({ store, config, clock }: KeyManagerOptions, passphrase: string) {
    this.#store = store;
    this.#config = config;
    this.#clock = clock;
    this.#vault = new KeyVault(passphrase);
  }

  /** Loads the keys, and makes the first one if there is none. @throws {WrongPassphrase} */
  static async open(options: KeyManagerOptions): Promise<KeyManager> {
    const { keyPassphrase } = options.config;
    if (keyPassphrase === undefined) {
      throw new Error('MLAPI_KEY_PASSPHRASE or MLAPI_KEY_PASSPHRASE_FILE is required: it encrypts the private keys');
    }
    const manager = new KeyManager(options, keyPassphrase);
    await manager.reload();
    if (manager.#keys.size === 0) {
      await options.store.addFirst(await manager.#makeKey(options.clock()));
      await manager.reload();
    }
    return manager;
  }

  /** Reads the stored keys again, and opens those that are new. */
  async reload(): Promise<void> {
    const rows = await this.#store.list();
    const keys = new Map<string, SigningKey>();
    for (const row of rows) keys.set(row.kid, await this.#open(row));
    this.#keys = keys;
  }

  /** Signs claims with the newest key whose time has come. @returns a compact JWS with `alg`, `typ` and `kid`. */
  sign(claims: object, typ: string): string {
    const { kid, privateKey } = this.#signingKey();
    return jsonwebtoken.sign(claims, privateKey, {
      algorithm,
      header: { alg: algorithm, typ, kid },
    });
  }

  /**
   * Verifies form and signature of a token of one kind. Its claims and its revocation are the token service's to judge.
   * @returns the claims and the `kid` that signed them. @throws {TokenRejected}
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
    return [...this.#keys.values()]
      .filter((key) => this.#stateOf(key) !== 'retired')
      .map(({ kid, publicJwk: { kty, n, e } }) => ({ kty, use: 'sig', alg: algorithm, kid, n, e }) as JsonWebKey);
  }

  list(): { kid: string; state: KeyState; createdAt: number; signsFrom: number }[] {
    return [...this.#keys.values()].map((key) => ({
      kid: key.kid,
      state: this.#stateOf(key),
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

  /** Ends a key: every token that it signed is refused from now on. @throws if it is the only one that can sign. */
  async retire(kid: string): Promise<void> {
    const others = [...this.#keys.values()].filter(
      (key) => key.kid !== kid && key.retiredAt === null && key.signsFrom <= this.#clock(),
    );
    if (others.length === 0) throw new Error('this is the only key that signs: rotate first (keys rotate --now)');
    if (!(await this.#store.retire(kid, this.#clock()))) throw new Error(`there is no key ${kid} to retire`);
    await this.reload();
  }

  #signingKey(): SigningKey {
    const key = [...this.#keys.values()].findLast(
      ({ signsFrom, retiredAt }) => retiredAt === null && signsFrom <= this.#clock(),
    );
    if (key === undefined)
      throw new Error('no signing key is due: the clock may stand before the time of the first key');
    return key;
  }

  /** A key verifies until the last refresh token that it can have signed is over, then it is retired by time. */
  #stateOf(key: SigningKey): KeyState {
    const now = this.#clock();
    if (key.retiredAt !== null) return 'retired';
    if (key.signsFrom > now) return 'published';
    const inOrder = [...this.#keys.values()];
    const later = inOrder.slice(inOrder.indexOf(key) + 1);
    const successor = later.find(({ signsFrom, retiredAt }) => retiredAt === null && signsFrom <= now);
    if (successor === undefined) return 'signing';
    const lastTokenEndsAt = successor.signsFrom + this.#config.refreshMaxTtlSeconds * 1_000 + clockSkewMs;
    return now < lastTokenEndsAt ? 'verifying' : 'retired';
  }

  /** An unknown `kid` may be a key that another process made: one look by its primary key tells. */
  async #find(kid: string): Promise<SigningKey | undefined> {
    if (!this.#keys.has(kid) && thumbprintForm.test(kid) && (await this.#store.has(kid))) await this.reload();
    return this.#keys.get(kid);
  }

  async #open(row: SigningKeyRow): Promise<SigningKey> {
    const known = this.#keys.get(row.kid);
    const privateKey = known?.privateKey ?? (await this.#vault.open(row.sealed_private_key, row.kid));
    // From the sealed key, which is authenticated: a public key in the database could be anybody's.
    const publicKey = known?.publicKey ?? createPublicKey(privateKey);
    const publicJwk = known?.publicJwk ?? publicKey.export({ format: 'jwk' });
    return {
      kid: row.kid,
      publicKey,
      publicJwk,
      privateKey,
      createdAt: row.created_at,
      signsFrom: row.signs_from,
      retiredAt: row.retired_at,
    };
  }

  async #makeKey(signsFrom: number): Promise<SigningKeyRow> {
    const { publicKey, privateKey } = await makeKeyPair('rsa', { modulusLength: this.#config.keyBits });
    const kid = thumbprint(publicKey.export({ format: 'jwk' }));
    return {
      kid,
      sealed_private_key: await this.#vault.seal(privateKey, kid),
      created_at: this.#clock(),
      signs_from: signsFrom,
      retired_at: null,
    };
  }
}

/** RFC 7638: SHA-256 over the required members in their order. */
function thumbprint({ e, kty, n }: JsonWebKey): string {
  return createHash('sha256').update(JSON.stringify({ e, kty, n })).digest('base64url');
}
