import type { Config } from '../config/config.ts';
import { addressKey } from '../http/rate-limits.ts';
import type { Database } from '../persistence/database.ts';
import { findClient } from './client-store.ts';
import type { FailureCounter } from './failure-counter.ts';
import { isKnownAddress } from './family-store.ts';
import type { Passwords } from './passwords.ts';
import { credentialsRefused } from './refusals.ts';
import { clientName, type VerifiedClient } from './types.ts';

interface ClientAuthenticatorOptions {
  readonly config: Pick<Config, 'resetOnce'>;
  readonly database: Database;
  readonly passwords: Passwords;
  readonly failures: FailureCounter;
}

/** Says whose credentials these are, with the same effort and the same refusal for every other pair. */
export class ClientAuthenticator {
  readonly #config: ClientAuthenticatorOptions['config'];
  readonly #database: Database;
  readonly #passwords: Passwords;
  readonly #failures: FailureCounter;

  constructor({ config, database, passwords, failures }: ClientAuthenticatorOptions) {
    this.#config = config;
    this.#database = database;
    this.#passwords = passwords;
    this.#failures = failures;
  }

  /**
   * The password is verified here, and spent by whoever uses the answer.
   * @throws {Problem} 401 `invalid_client`, 429, 503
   */
  async authenticate(username: string, password: string, address: string): Promise<VerifiedClient> {
    const isName = clientName.test(username);
    const isKnown = isName && (await isKnownAddress(this.#database, username, addressKey(address)));
    if (!isKnown) await this.#failures.check(username);
    const client = isName ? await findClient(this.#database, username) : undefined;
    const matches = await this.#passwords.verify(client?.passwordHash, password);
    const isSpent = this.#config.resetOnce && client?.passwordSpentAt !== null;
    if (client === undefined || !matches || isSpent || client.disabledAt !== null) {
      await this.#failures.count(username);
      throw credentialsRefused();
    }
    return { id: client.id, passwordHash: client.passwordHash };
  }
}
