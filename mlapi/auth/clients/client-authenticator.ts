import type { Config } from '../../config/config.ts';
import { addressKey } from '../../http/limits/rate-limits.ts';
import type { Database } from '../../persistence/database.ts';
import { matchSecret } from '../client-secrets.ts';
import { clientRefused, credentialsRefused } from '../problems.ts';
import { findClient } from '../stores/client-store.ts';
import { isKnownAddress } from '../stores/family-store.ts';
import type { VerifiedClient } from '../types.ts';
import { isClientName, normalizeName } from './client-names.ts';
import type { FailureCounter } from './failure-counter.ts';
import type { Passwords } from './passwords.ts';

interface ClientAuthenticatorOptions {
  readonly config: Pick<Config, 'resetOnce'>;
  readonly database: Database;
  readonly passwords: Passwords;
  readonly failures: FailureCounter;
  /** Epoch milliseconds. */
  readonly clock: () => number;
}

/** Says whose credentials these are, with the same effort and the same refusal for every other pair. */
export class ClientAuthenticator {
  readonly #config: ClientAuthenticatorOptions['config'];
  readonly #database: Database;
  readonly #passwords: Passwords;
  readonly #failures: FailureCounter;
  readonly #clock: () => number;

  constructor({ config, database, passwords, failures, clock }: ClientAuthenticatorOptions) {
    this.#config = config;
    this.#database = database;
    this.#passwords = passwords;
    this.#failures = failures;
    this.#clock = clock;
  }

  /**
   * The password is verified here, and spent by whoever uses the answer.
   * @throws {Problem} 401 `invalid_client`, 429, 503
   */
  async authenticate(given: string, password: string, address: string): Promise<VerifiedClient> {
    const username = normalizeName(given);
    const isName = isClientName(username);
    const isKnown = isName && (await isKnownAddress(this.#database, username, addressKey(address)));
    if (!isKnown) await this.#failures.check(username);
    const client = isName ? await findClient(this.#database, username) : undefined;
    const matches = await this.#passwords.verify(client?.passwordHash, password);
    const isSpent = this.#config.resetOnce && client?.passwordSpentAt !== null;
    if (client === undefined || !matches || isSpent || client.disabledAt !== null) {
      await this.#failures.count(username);
      const reason = !matches ? 'wrong password' : isSpent ? 'spent password' : 'disabled client';
      throw credentialsRefused(client === undefined ? 'unknown client' : reason);
    }
    return { id: client.id, passwordHash: client.passwordHash };
  }

  /**
   * The same for the secret of a reusable client. A right one is let in however many wrong ones came under its name: 256 bits are not
   * found by trying, and a stranger's tries must not lock a client out.
   * @throws {Problem} 401 `invalid_client`, 429
   */
  async authenticateSecret(given: string, secret: string): Promise<void> {
    const name = normalizeName(given);
    const client = isClientName(name) ? await findClient(this.#database, name) : undefined;
    const match = matchSecret(client, secret, this.#clock());
    if (client !== undefined && match !== undefined && client.disabledAt === null) return;
    await this.#failures.check(name);
    await this.#failures.count(name);
    const reason = match === undefined ? 'wrong secret' : 'disabled client';
    throw clientRefused(client === undefined ? 'unknown client' : reason);
  }
}
