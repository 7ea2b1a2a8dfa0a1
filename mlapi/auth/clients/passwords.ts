import { randomBytes } from 'node:crypto';
import { hash, verify } from '@node-rs/argon2';
import { serviceBusy } from '../../http/problem.ts';

/** OWASP Password Storage: argon2id, 19 MiB, two passes, one lane. */
const argon2id = 2;
const cost = { algorithm: argon2id, memoryCost: 19_456, timeCost: 2, parallelism: 1, outputLen: 32 };
const maxPasswordBytes = 1_024;
const maxRunning = 4;
const maxWaiting = 64;

/** Hashes and verifies passwords, a bounded number at a time: a flood of them is refused, and never fills the memory. */
export class Passwords {
  readonly #dummyHash: string;
  #running = 0;
  readonly #waiting: (() => void)[] = [];

  private constructor(dummyHash: string) {
    this.#dummyHash = dummyHash;
  }

  /** Makes the hash that stands in for clients that do not exist: they then cost what the others cost. */
  static async create(): Promise<Passwords> {
    return new Passwords(await hash(randomBytes(32), cost));
  }

  /** @returns a PHC string. */
  hash(password: string): Promise<string> {
    return this.#inTurn(() => hash(password, cost));
  }

  /** With an undefined hash the same effort is made, and the answer is false. @throws {Problem} 503 when too many wait */
  verify(passwordHash: string | undefined, password: string): Promise<boolean> {
    return this.#inTurn(async () => {
      // A stored hash that cannot be read is nobody's password.
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
      // The turn is handed on, or given back.
      const next = this.#waiting.shift();
      if (next === undefined) this.#running -= 1;
      else next();
    }
  }
}

/** A password of 192 random bits. */
export function makePassword(): string {
  return randomBytes(24).toString('base64url');
}

/** Bounded before it is hashed: the cost of a hash must not depend on who sends how much. */
export function isAcceptablePassword(password: string): boolean {
  return password.length > 0 && Buffer.byteLength(password) <= maxPasswordBytes;
}

const { memoryCost, timeCost, parallelism } = cost;
const ownParameters = `$argon2id$v=19$m=${memoryCost},t=${timeCost},p=${parallelism}$`;
const saltAndDigest = /^([A-Za-z0-9+/]{22})\$([A-Za-z0-9+/]{43})$/;

/**
 * Whether a hash is one that this service could have made. Of another cost it would answer sooner or later than for names that
 * do not exist, and tell that this one does.
 */
export function isAcceptableHash(text: string): boolean {
  if (!text.startsWith(ownParameters)) return false;
  const [, salt, digest] = saltAndDigest.exec(text.slice(ownParameters.length)) ?? [];
  return salt !== undefined && digest !== undefined && isCanonical(salt) && isCanonical(digest);
}

/** base64 without its padding, in its one spelling. */
function isCanonical(part: string): boolean {
  return Buffer.from(part, 'base64').toString('base64').startsWith(part);
}
