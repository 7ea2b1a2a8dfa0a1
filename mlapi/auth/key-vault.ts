import {
  createCipheriv,
  createDecipheriv,
  createPrivateKey,
  randomBytes,
  scrypt,
  type KeyObject,
} from 'node:crypto';
import { promisify } from 'node:util';

const derive = promisify<string, Buffer, number, object, Buffer>(scrypt);
/** OWASP Password Storage: N=2^17, r=8, p=1 takes 128 MiB and a fraction of a second, once per key and start. */
const cost = { N: 2 ** 17, r: 8, p: 1, maxmem: 256 * 2 ** 20 };

/** The passphrase does not open the stored keys. */
export class WrongPassphrase extends Error {
  constructor(kid: string) {
    super(`the passphrase does not open the signing key ${kid}: it was stored under another one`);
    this.name = 'WrongPassphrase';
  }
}

interface Envelope {
  readonly v: 1;
  readonly salt: string;
  readonly iv: string;
  readonly tag: string;
  readonly data: string;
}

/** Encrypts a private key (PKCS#8) with AES-256-GCM under a key that scrypt derives; bound to its `kid`. */
export async function sealPrivateKey(key: KeyObject, kid: string, passphrase: string): Promise<string> {
  const salt = randomBytes(16);
  const iv = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', await derive(passphrase, salt, 32, cost), iv).setAAD(
    Buffer.from(kid),
  );
  const data = Buffer.concat([cipher.update(key.export({ type: 'pkcs8', format: 'der' })), cipher.final()]);
  const envelope: Envelope = {
    v: 1,
    salt: salt.toString('base64'),
    iv: iv.toString('base64'),
    tag: cipher.getAuthTag().toString('base64'),
    data: data.toString('base64'),
  };
  return JSON.stringify(envelope);
}

/** @throws {WrongPassphrase} if the passphrase, the key's bytes or its `kid` are not those that were sealed. */
export async function openPrivateKey(sealed: string, kid: string, passphrase: string): Promise<KeyObject> {
  const { salt, iv, tag, data } = JSON.parse(sealed) as Envelope;
  const secret = await derive(passphrase, Buffer.from(salt, 'base64'), 32, cost);
  const decipher = createDecipheriv('aes-256-gcm', secret, Buffer.from(iv, 'base64'), { authTagLength: 16 });
  decipher.setAAD(Buffer.from(kid)).setAuthTag(Buffer.from(tag, 'base64'));
  try {
    const der = Buffer.concat([decipher.update(Buffer.from(data, 'base64')), decipher.final()]);
    return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
  } catch {
    throw new WrongPassphrase(kid);
  }
}
