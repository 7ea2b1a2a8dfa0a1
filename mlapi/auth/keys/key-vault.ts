import { createCipheriv, createDecipheriv, createPrivateKey, randomBytes, scrypt, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';

const derive = promisify<string, Buffer, number, object, Buffer>(scrypt);
/** OWASP Password Storage Cheat Sheet: scrypt with N=2^17, r=8, p=1. Takes 128 MiB and a fraction of a second, once per start. */
const cost = { N: 2 ** 17, r: 8, p: 1, maxmem: 256 * 2 ** 20 };

/** The passphrase does not decrypt the stored keys. */
export class WrongPassphrase extends Error {
  constructor(kid: string) {
    super(`wrong passphrase: it does not decrypt the signing key ${kid}`);
    this.name = 'WrongPassphrase';
  }
}

/** An encrypted private key; binary members are base64. */
interface Envelope {
  readonly v: 1;
  readonly salt: string;
  readonly iv: string;
  readonly tag: string;
  readonly data: string;
}

/** Encrypts private keys (PKCS#8) with AES-256-GCM under a key that scrypt derives from the passphrase. The `kid` is authenticated data. */
export class KeyVault {
  readonly #passphrase: string;
  /** Derived keys by salt. New envelopes reuse the first salt, so that one derivation opens them all. */
  readonly #derived = new Map<string, Promise<Buffer>>();

  constructor(passphrase: string) {
    this.#passphrase = passphrase;
  }

  async seal(key: KeyObject, kid: string): Promise<string> {
    const salt = [...this.#derived.keys()][0] ?? randomBytes(16).toString('base64');
    const iv = randomBytes(12);
    const cipher = createCipheriv('aes-256-gcm', await this.#derive(salt), iv).setAAD(Buffer.from(kid));
    const der = key.export({ type: 'pkcs8', format: 'der' });
    const data = Buffer.concat([cipher.update(der), cipher.final()]).toString('base64');
    const tag = cipher.getAuthTag().toString('base64');
    return JSON.stringify({ v: 1, salt, iv: iv.toString('base64'), tag, data } satisfies Envelope);
  }

  /** @throws {WrongPassphrase} if the passphrase, the ciphertext or the `kid` differs from what was sealed */
  async open(sealed: string, kid: string): Promise<KeyObject> {
    const { salt, iv, tag, data } = JSON.parse(sealed) as Envelope;
    const key = await this.#derive(salt);
    try {
      const decipher = createDecipheriv('aes-256-gcm', key, Buffer.from(iv, 'base64'), { authTagLength: 16 });
      decipher.setAAD(Buffer.from(kid)).setAuthTag(Buffer.from(tag, 'base64'));
      const der = Buffer.concat([decipher.update(Buffer.from(data, 'base64')), decipher.final()]);
      return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
    } catch {
      throw new WrongPassphrase(kid);
    }
  }

  #derive(salt: string): Promise<Buffer> {
    const known = this.#derived.get(salt);
    if (known !== undefined) return known;
    const derived = derive(this.#passphrase, Buffer.from(salt, 'base64'), 32, cost);
    this.#derived.set(salt, derived);
    return derived;
  }
}
