import { randomBytes } from 'node:crypto';
import { hash, verify } from '@node-rs/argon2';
import { serviceBusy } from '../../http/problem.ts';

/** OWASP Password Storage Cheat Sheet: argon2id, 19 MiB, two passes, one lane. */
const argon2id = 2;
const cost = { algorithm: argon2id, memoryCost: 19_456, timeCost: 2, parallelism: 1, outputLen: 32 };
const maxPasswordBytes = 1_024;
const maxRunning = 4;
const maxWaiting = 64;

/**
 * Hashes and verifies passwords: at most 4 at a time, while 64 more wait. Beyond that, requests get 503, so that a flood cannot fill the
 * memory.
 */
export class Passwords {
  readonly #dummyHash: string;
  #running = 0;
  readonly #waiting: (() => void)[] = [];

  private constructor(dummyHash: string) {
    this.#dummyHash = dummyHash;
  }

  /** Also hashes a random password, which is verified for unknown clients: they take as long as known ones. */
  static async create(): Promise<Passwords> {
    return new Passwords(await hash(randomBytes(32), cost));
  }

  /** @returns a PHC string. @throws {Problem} 503 when too many requests wait */
  hash(password: string): Promise<string> {
    return this.#inTurn(() => hash(password, cost));
  }

  /** Returns false for an undefined hash, after the same amount of work. @throws {Problem} 503 when too many requests wait */
  verify(passwordHash: string | undefined, password: string): Promise<boolean> {
    return this.#inTurn(async () => {
      // No password matches a stored hash that cannot be parsed.
      const matches = await verify(passwordHash ?? this.#dummyHash, password).catch(() => false);
      return matches && passwordHash !== undefined;
    });
  }

  async #inTurn<T>(work: () => Promise<T>): Promise<T> {
    if (this.#running >= maxRunning) {
      if (this.#waiting.length >= maxWaiting) throw serviceBusy();
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    } else this.#running += 1;
    try {
      return await work();
    } finally {
      // Pass the slot to the next waiter, or free it.
      const next = this.#waiting.shift();
      if (next === undefined) this.#running -= 1;
      else next();
    }
  }
}

/** Makes a password of 192 random bits. */
export function makePassword(): string {
  return randomBytes(24).toString('base64url');
}

/** 1 to 1024 bytes. The bound keeps the cost of hashing independent of the input. */
export function isAcceptablePassword(password: string): boolean {
  return password.length > 0 && Buffer.byteLength(password) <= maxPasswordBytes;
}

const { memoryCost, timeCost, parallelism } = cost;
const ownParameters = `$argon2id$v=19$m=${memoryCost},t=${timeCost},p=${parallelism}$`;
const saltAndDigest = /^([A-Za-z0-9+/]{22})\$([A-Za-z0-9+/]{43})$/;

/**
 * Whether a hash has our parameters. Verifying one of another cost would take another time than for unknown names, and so reveal that the
 * name exists.
 */
export function isAcceptableHash(text: string): boolean {
  if (!text.startsWith(ownParameters)) return false;
  const [, salt, digest] = saltAndDigest.exec(text.slice(ownParameters.length)) ?? [];
  return salt !== undefined && digest !== undefined && isCanonical(salt) && isCanonical(digest);
}

/** Whether text is canonical base64 without padding. */
function isCanonical(part: string): boolean {
  return Buffer.from(part, 'base64').toString('base64').startsWith(part);
}
