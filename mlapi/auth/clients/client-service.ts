import { covers, isScope } from '../../http/scopes.ts';
import type { Database, Queries } from '../../persistence/database.ts';
import { recordAudit, type AuditEvent } from '../../telemetry/audit-trail.ts';
import { digestSecret, makeSecret } from '../client-secrets.ts';
import {
  findClient,
  insertClient,
  listClients,
  listNames,
  lockClient,
  setClientDisabled,
  setClientPassword,
  setClientScopes,
  setClientSecret,
  type NewClient,
} from '../stores/client-store.ts';
import { endFamiliesOf } from '../stores/family-store.ts';
import { defaultScopes, type Client } from '../types.ts';
import { clientNameRule, isClientName, LookAlikes, normalizeName } from './client-names.ts';
import { isAcceptableHash, isAcceptablePassword, makePassword, type Passwords } from './passwords.ts';

/** Longest scope text of a client, in characters: every token contains it. */
const maxScopeText = 1_024;
/** How long the old secret stays valid after a rotation, unless the operator says otherwise. */
const defaultOverlapSeconds = 86_400;

/** An invalid request of an operator. The message is shown to the operator. */
export class ClientError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'ClientError';
  }
}

/** A line of `users.csv`: a login, and a password or its argon2id hash. */
export interface ImportedClient {
  readonly name: string;
  readonly password: string;
}

interface ClientServiceOptions {
  readonly database: Database;
  readonly passwords: Passwords;
  /** All permissions that a client may have. */
  readonly permissions: readonly string[];
  /** Epoch milliseconds. */
  readonly clock: () => number;
}

/** Manages the registered clients for an operator. A client that loses its password, secret or a scope loses its tokens too. */
export class ClientService {
  readonly #database: Database;
  readonly #passwords: Passwords;
  readonly #permissions: readonly string[];
  readonly #clock: () => number;

  constructor({ database, passwords, permissions, clock }: ClientServiceOptions) {
    this.#database = database;
    this.#passwords = passwords;
    this.#permissions = permissions;
    this.#clock = clock;
  }

  list(): Promise<Client[]> {
    return listClients(this.#database);
  }

  /** @throws {ClientError} if there is no such client */
  async get(given: string): Promise<Client> {
    const name = normalizeName(given);
    return mustBe(await findClient(this.#database, name), name);
  }

  /** Adds a client with a one-time password. @returns the password: generated, unless it was given. @throws {ClientError} */
  async add(given: string, options: { password?: string; scopes?: readonly string[] } = {}): Promise<string> {
    const name = normalizeName(given);
    const { password = makePassword(), scopes = defaultScopes } = options;
    checkName(name);
    this.#checkScopes(scopes);
    const passwordHash = await this.#hash(password);
    await this.#insertAll([{ name, passwordHash, scopes }]);
    return password;
  }

  /** Adds a reusable client: its secret stays valid until it is rotated. @returns the generated secret. @throws {ClientError} */
  async addReusable(given: string, { scopes = defaultScopes }: { scopes?: readonly string[] } = {}): Promise<string> {
    const name = normalizeName(given);
    checkName(name);
    this.#checkScopes(scopes);
    const secret = makeSecret();
    // A real hash, so that /auth/reset takes as long as for any other client. Nobody knows its password.
    const client = { name, scopes, passwordHash: await this.#hash(makePassword()), secretDigest: digestSecret(secret) };
    await this.#insertAll([client]);
    return secret;
  }

  /**
   * Gives a reusable client a new secret. With `overlapSeconds` 0 the old secret expires at once and all tokens of the client are revoked.
   * @returns the secret, and when the old one expires: epoch milliseconds, or null if it has expired
   * @throws {ClientError}
   */
  async rotateSecret(
    name: string,
    { overlapSeconds = defaultOverlapSeconds } = {},
  ): Promise<{ secret: string; previousEndsAt: number | null }> {
    const secret = makeSecret();
    let previousEndsAt: number | null = null;
    await this.#change(name, 'client_secret_rotated', async (queries, client, now) => {
      if (client.secret === undefined)
        throw new ClientError(`"${name}" has a one-time password: use clients reset-password`);
      // Whole seconds, because token times are: a token that expires with this secret lives for at least one second.
      if (overlapSeconds > 0) previousEndsAt = (Math.floor(now / 1_000) + overlapSeconds) * 1_000;
      const previous = previousEndsAt === null ? undefined : { digest: client.secret.digest, endsAt: previousEndsAt };
      await setClientSecret(queries, client.id, { digest: digestSecret(secret), changedAt: now, previous });
      if (previous === undefined) await endFamiliesOf(queries, client.id, 'secret', now);
    });
    return { secret, previousEndsAt };
  }

  /** Adds all clients or none. @throws {ClientError} that names each wrong line */
  async import(given: readonly ImportedClient[], scopes: readonly string[] = defaultScopes): Promise<void> {
    const clients = given.map(({ name, password }) => ({ name: normalizeName(name), password }));
    this.#checkScopes(scopes);
    checkImport(clients);
    const hashed: NewClient[] = [];
    for (const { name, password } of clients) {
      hashed.push({
        name,
        passwordHash: isAcceptableHash(password) ? password : await this.#hash(password),
        scopes,
      });
    }
    await this.#insertAll(hashed);
  }

  async disable(name: string): Promise<void> {
    await this.#change(name, 'client_disabled', async (queries, client, now) => {
      await setClientDisabled(queries, client.id, now);
      await endFamiliesOf(queries, client.id, 'disabled', now);
    });
  }

  async enable(name: string): Promise<void> {
    await this.#change(name, 'client_enabled', (queries, client) => setClientDisabled(queries, client.id, null));
  }

  /**
   * Sets a new password, valid for one reset. Revokes the tokens issued under the old one, unless `keepTokens`.
   * @returns the password: generated, unless it was given
   * @throws {ClientError}
   */
  async resetPassword(name: string, { password = makePassword(), keepTokens = false } = {}): Promise<string> {
    const passwordHash = await this.#hash(password);
    await this.#change(name, 'client_password_changed', async (queries, client, now) => {
      if (client.secret !== undefined) throw new ClientError(`"${name}" is reusable: use clients rotate-secret`);
      await setClientPassword(queries, client.id, passwordHash);
      if (!keepTokens) await endFamiliesOf(queries, client.id, 'password', now);
    });
    return password;
  }

  /** Replaces the scopes of a client. Revokes its tokens, unless the new scopes cover all old ones. @throws {ClientError} */
  async setScopes(name: string, scopes: readonly string[]): Promise<void> {
    this.#checkScopes(scopes);
    await this.#change(name, 'client_scopes_changed', async (queries, client, now) => {
      await setClientScopes(queries, client.id, scopes);
      const gotMore = client.scopes.every((had) => scopes.some((scope) => covers(scope, had)));
      if (!gotMore) await endFamiliesOf(queries, client.id, 'scopes', now);
    });
  }

  /** Revokes all tokens of a client. @returns the number of families that were revoked */
  async revokeTokens(name: string): Promise<number> {
    let ended = 0;
    await this.#change(name, 'revocation', async (queries, client, now) => {
      ended = await endFamiliesOf(queries, client.id, 'revoked', now);
    });
    return ended;
  }

  async #change(
    given: string,
    event: AuditEvent,
    change: (queries: Queries, client: Client, now: number) => Promise<void>,
  ): Promise<void> {
    const name = normalizeName(given);
    await this.#database.transaction().execute(async (queries) => {
      const client = mustBe(await lockClient(queries, { name }), name);
      const now = this.#clock();
      await change(queries, client, now);
      await recordAudit(queries, now, event, { clientId: client.id });
    });
  }

  async #insertAll(clients: readonly NewClient[]): Promise<void> {
    await this.#database.transaction().execute(async (queries) => {
      const lookAlikes = new LookAlikes(await listNames(queries));
      for (const client of clients) {
        const other = lookAlikes.find(client.name);
        if (other !== undefined)
          throw new ClientError(`"${client.name}" looks like the client "${other}": choose another name`);
        await this.#insert(queries, client);
        lookAlikes.add(client.name);
      }
    });
  }

  async #insert(queries: Queries, client: NewClient): Promise<void> {
    const now = this.#clock();
    const id = await insertClient(queries, client, now);
    if (id === undefined) throw new ClientError(`a client "${client.name}" exists already`);
    const kind = client.secretDigest === undefined ? {} : { detail: 'reusable' };
    await recordAudit(queries, now, 'client_added', { clientId: id, ...kind });
  }

  #checkScopes(scopes: readonly string[]): void {
    if (scopes.length === 0 || !scopes.every((scope) => isScope(scope, this.#permissions))) {
      const example = 'models:predict:churn, models:predict:churn-*';
      throw new ClientError(`valid scopes: ${this.#permissions.join(', ')}; limited to certain models: ${example}`);
    }
    if (scopes.join(' ').length > maxScopeText)
      throw new ClientError(`the scopes of a client must not exceed ${maxScopeText} characters`);
  }

  async #hash(password: string): Promise<string> {
    if (!isAcceptablePassword(password)) throw new ClientError('a password must have 1 to 1024 bytes');
    return this.#passwords.hash(password);
  }
}

function mustBe(client: Client | undefined, name: string): Client {
  if (client === undefined)
    throw new ClientError(
      `there is no client "${name}": list clients with "clients list", add one with "clients add NAME"`,
    );
  return client;
}

function checkName(name: string): void {
  if (!isClientName(name)) throw new ClientError(clientNameRule);
}

/**
 * Checks the lines of an import. A text that starts with `$` must be a valid hash of ours: taken for a password, it would lock the client
 * out.
 * @throws {ClientError} that names the first 20 mistakes
 */
export function checkImport(clients: readonly ImportedClient[]): void {
  const seen = new Set<string>();
  const lookAlikes = new LookAlikes([]);
  const mistakes = clients.flatMap(({ name: given, password }, index) => {
    const name = normalizeName(given);
    const found: string[] = [];
    if (!isClientName(name)) found.push('the login is not a valid client name');
    if (seen.has(name)) found.push('the login occurs twice');
    seen.add(name);
    const other = lookAlikes.find(name);
    if (other !== undefined) found.push(`the login looks like another one, "${other}"`);
    lookAlikes.add(name);
    if (!isAcceptablePassword(password)) found.push('a password must have 1 to 1024 bytes');
    if (password.startsWith('$') && !isAcceptableHash(password))
      found.push('the hash has other parameters than ours; make one with "clients hash"');
    return found.map((mistake) => `line ${index + 1}: ${mistake}`);
  });
  if (clients.length === 0) mistakes.push('the file has no lines');
  if (mistakes.length > 0) throw new ClientError(mistakes.slice(0, 20).join('\n'));
}
