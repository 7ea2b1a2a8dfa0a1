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
import { defaultScopes, knownScopes, type Client } from '../types.ts';
import { clientNameRule, isClientName, LookAlikes, normalizeName } from './client-names.ts';
import { isAcceptableHash, isAcceptablePassword, makePassword, type Passwords } from './passwords.ts';

/** They stand in every token. */
const maxScopeText = 1_024;
/** How long the old secret of a rotation stays good, unless the operator says otherwise. */
const defaultOverlapSeconds = 86_400;

/** A mistake in what an operator asked for, in words for the operator. */
export class ClientError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'ClientError';
  }
}

/** A login and a password or its argon2id hash, as a line of `users.csv` has them. */
export interface ImportedClient {
  readonly name: string;
  readonly password: string;
}

/** The registered callers, as an operator changes them. A client that loses its password or its access loses its tokens. */
export class ClientService {
  readonly #database: Database;
  readonly #passwords: Passwords;
  readonly #clock: () => number;

  constructor(database: Database, passwords: Passwords, clock: () => number) {
    this.#database = database;
    this.#passwords = passwords;
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

  /** @returns the password, made here unless it was given. @throws {ClientError} */
  async add(given: string, options: { password?: string; scopes?: readonly string[] } = {}): Promise<string> {
    const name = normalizeName(given);
    const { password = makePassword(), scopes = defaultScopes } = options;
    checkName(name);
    checkScopes(scopes);
    const passwordHash = await this.#hash(password);
    await this.#insertAll([{ name, passwordHash, scopes }]);
    return password;
  }

  /** Adds a client whose secret stays good until it is rotated. @returns the secret, always made here. @throws {ClientError} */
  async addReusable(given: string, { scopes = defaultScopes }: { scopes?: readonly string[] } = {}): Promise<string> {
    const name = normalizeName(given);
    checkName(name);
    checkScopes(scopes);
    const secret = makeSecret();
    // A hash like all others: at /auth/reset this client costs what another one costs, and no password opens it.
    const client = { name, scopes, passwordHash: await this.#hash(makePassword()), secretDigest: digestSecret(secret) };
    await this.#insertAll([client]);
    return secret;
  }

  /**
   * Gives a reusable client another secret. Without an overlap the old one ends at once, and with it all tokens of the client.
   * @returns the secret, and when the old one ends: epoch milliseconds, or null if it has ended. @throws {ClientError}
   */
  async rotateSecret(
    name: string,
    { overlapSeconds = defaultOverlapSeconds } = {},
  ): Promise<{ secret: string; previousEndsAt: number | null }> {
    const secret = makeSecret();
    let previousEndsAt: number | null = null;
    await this.#change(name, 'client_secret_rotated', async (queries, client, now) => {
      if (client.secret === undefined) throw new ClientError(`"${name}" is not reusable: use clients reset-password`);
      // Whole seconds, as tokens count them: a token that ends with its secret lives for one at least.
      if (overlapSeconds > 0) previousEndsAt = (Math.floor(now / 1_000) + overlapSeconds) * 1_000;
      const previous = previousEndsAt === null ? undefined : { digest: client.secret.digest, endsAt: previousEndsAt };
      await setClientSecret(queries, client.id, { digest: digestSecret(secret), changedAt: now, previous });
      if (previous === undefined) await endFamiliesOf(queries, client.id, 'secret', now);
    });
    return { secret, previousEndsAt };
  }

  /** All or none. @throws {ClientError} that names each wrong line */
  async import(given: readonly ImportedClient[], scopes: readonly string[] = defaultScopes): Promise<void> {
    const clients = given.map(({ name, password }) => ({ name: normalizeName(name), password }));
    checkScopes(scopes);
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
   * Sets a new password, good for one reset. The tokens under the old one end, unless `keepTokens`.
   * @returns the password, made here unless it was given
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

  /** Sets what a client may do from now on. Its tokens end, unless it only got more. @throws {ClientError} */
  async setScopes(name: string, scopes: readonly string[]): Promise<void> {
    checkScopes(scopes);
    await this.#change(name, 'client_scopes_changed', async (queries, client, now) => {
      await setClientScopes(queries, client.id, scopes);
      const gotMore = client.scopes.every((had) => scopes.some((scope) => covers(scope, had)));
      if (!gotMore) await endFamiliesOf(queries, client.id, 'scopes', now);
    });
  }

  /** Ends all tokens of a client. @returns how many families were alive */
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
    if (id === undefined) throw new ClientError(`there is a client "${client.name}" already`);
    const kind = client.secretDigest === undefined ? {} : { detail: 'reusable' };
    await recordAudit(queries, now, 'client_added', { clientId: id, ...kind });
  }

  async #hash(password: string): Promise<string> {
    if (!isAcceptablePassword(password)) throw new ClientError('a password has 1 to 1024 bytes');
    return this.#passwords.hash(password);
  }
}

function mustBe(client: Client | undefined, name: string): Client {
  if (client === undefined)
    throw new ClientError(`there is no client "${name}": clients list shows all, clients add NAME adds one`);
  return client;
}

function checkName(name: string): void {
  if (!isClientName(name)) throw new ClientError(clientNameRule);
}

function checkScopes(scopes: readonly string[]): void {
  if (scopes.length === 0 || !scopes.every((scope) => isScope(scope, knownScopes))) {
    const example = 'models:predict:churn, models:predict:churn-*';
    throw new ClientError(`the scopes are ${knownScopes.join(', ')}; for some models alone: ${example}`);
  }
  if (scopes.join(' ').length > maxScopeText) throw new ClientError(`scopes have ${maxScopeText} characters at most`);
}

/** @throws {ClientError} that names each wrong line. What starts like a hash and is not one of at least our cost would, taken for a password, open the door to nobody. */
export function checkImport(clients: readonly ImportedClient[]): void {
  const seen = new Set<string>();
  const lookAlikes = new LookAlikes([]);
  const mistakes = clients.flatMap(({ name: given, password }, index) => {
    const name = normalizeName(given);
    const found: string[] = [];
    if (!isClientName(name)) found.push('the login is no client name');
    if (seen.has(name)) found.push('the login stands there twice');
    seen.add(name);
    const other = lookAlikes.find(name);
    if (other !== undefined) found.push(`the login looks like another one, "${other}"`);
    lookAlikes.add(name);
    if (!isAcceptablePassword(password)) found.push('a password has 1 to 1024 bytes');
    if (password.startsWith('$') && !isAcceptableHash(password))
      found.push('the hash is none that this service could have made (clients hash)');
    return found.map((mistake) => `line ${index + 1}: ${mistake}`);
  });
  if (clients.length === 0) mistakes.push('there is no line in it');
  if (mistakes.length > 0) throw new ClientError(mistakes.slice(0, 20).join('\n'));
}
