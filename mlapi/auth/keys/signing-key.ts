import { createHash, createPublicKey, generateKeyPair, type JsonWebKey, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';
import type { SigningKeyRow } from '../../persistence/schema.ts';
import type { KeyVault } from './key-vault.ts';

const makeKeyPair = promisify(generateKeyPair);

/** A decrypted RSA key pair. Times are epoch milliseconds. */
export interface SigningKey {
  readonly kid: string;
  readonly publicKey: KeyObject;
  readonly publicJwk: JsonWebKey;
  readonly privateKey: KeyObject;
  readonly createdAt: number;
  readonly signsFrom: number;
  readonly retiredAt: number | null;
}

/** Makes a key pair as a database row: private key encrypted, `kid` = RFC 7638 thumbprint. */
export async function makeKeyRow(
  vault: KeyVault,
  { keyBits, createdAt, signsFrom }: { keyBits: number; createdAt: number; signsFrom: number },
): Promise<SigningKeyRow> {
  const { publicKey, privateKey } = await makeKeyPair('rsa', { modulusLength: keyBits });
  const kid = thumbprint(publicKey.export({ format: 'jwk' }));
  const sealed = await vault.seal(privateKey, kid);
  return { kid, sealed_private_key: sealed, created_at: createdAt, signs_from: signsFrom, retired_at: null };
}

/** @throws {WrongPassphrase} */
export async function openKey(vault: KeyVault, row: SigningKeyRow): Promise<SigningKey> {
  const privateKey = await vault.open(row.sealed_private_key, row.kid);
  // Derive the public key from the authenticated private key: one stored in the database could have been replaced.
  const publicKey = createPublicKey(privateKey);
  const publicJwk = publicKey.export({ format: 'jwk' });
  const { kid, created_at: createdAt, signs_from: signsFrom, retired_at: retiredAt } = row;
  return { kid, publicKey, publicJwk, privateKey, createdAt, signsFrom, retiredAt };
}

/** RFC 7638: SHA-256 over the required members in their order. */
function thumbprint({ e, kty, n }: JsonWebKey): string {
  return createHash('sha256').update(JSON.stringify({ e, kty, n })).digest('base64url');
}
