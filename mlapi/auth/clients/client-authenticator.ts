import type { CoreConfig } from '../../config/core-config.ts';
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
  readonly config: Pick<CoreConfig, 'resetOnce'>;
  readonly database: Database;
  readonly passwords: Passwords;
  readonly failures: FailureCounter;
  /** Epoch milliseconds. */
  readonly clock: () => number;
}

/** Authenticates clients by password or secret. Every failure takes the same time and gets the same response. */
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
   * Verifies a one-time password. Does not mark it as used: `TokenService.reset` does that in its transaction.
   * @param address of the request; failures are not limited for an address from which this client has refreshed before
   * @throws {Problem} 401 `invalid_client`, 429 `rate_limited`, 503 when too many passwords are being verified
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
   * Verifies the secret of a reusable client. A correct secret is accepted however many wrong ones were sent under its name: 256 bits
   * cannot be guessed, and an attacker must not be able to lock a client out.
   * @throws {Problem} 401 `invalid_client`, 429 `rate_limited`
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
