import { randomUUID } from 'node:crypto';
import type { Config } from '../config/config.ts';
import type { Session } from '../http/endpoint.ts';
import { addressKey } from '../http/rate-limits.ts';
import type { Database, Queries } from '../persistence/database.ts';
import { recordAudit, type AuditDetails } from '../telemetry/audit-trail.ts';
import {
  accessTokenType,
  checkAccessClaims,
  checkRefreshClaims,
  makeAccessClaims,
  makeRefreshClaims,
  refreshTokenType,
  type RefreshClaims,
} from './claims.ts';
import { findClient, spendPassword } from './client-store.ts';
import { TokenRejected } from './compact-jws.ts';
import type { FailureCounter } from './failure-counter.ts';
import {
  advanceFamily,
  deleteExpiredFamilies,
  endFamiliesOf,
  endFamily,
  findFamily,
  insertFamily,
  isKnownAddress,
} from './family-store.ts';
import type { KeyManager } from './key-manager.ts';
import type { Passwords } from './passwords.ts';
import { credentialsRefused, scopeUnknown, tokenRefused } from './refusals.ts';
import { judgeRefresh } from './rotation.ts';
import { clientName, type Client, type Origin, type TokenAnswer, type TokenFamily } from './types.ts';

interface TokenServiceOptions {
  readonly config: Config;
  readonly database: Database;
  readonly keys: KeyManager;
  readonly passwords: Passwords;
  readonly failures: FailureCounter;
  readonly clock: () => number;
}

/**
 * Issues, rotates, revokes and verifies tokens. What it decides it decides in the database, in one transaction each, so that
 * workers, machines and restarts agree.
 */
export class TokenService {
  readonly #config: Config;
  readonly #database: Database;
  readonly #keys: KeyManager;
  readonly #passwords: Passwords;
  readonly #failures: FailureCounter;
  readonly #clock: () => number;

  constructor({ config, database, keys, passwords, failures, clock }: TokenServiceOptions) {
    this.#config = config;
    this.#database = database;
    this.#keys = keys;
    this.#passwords = passwords;
    this.#failures = failures;
    this.#clock = clock;
  }

  /**
   * Client credentials for tokens; older families of the client end. Unknown and known names cost the same.
   * @throws {Problem} 401 `invalid_client`, 400 `invalid_scope`, 429 or 503
   */
  async reset(
    credentials: { username: string; password: string; scope?: string },
    origin: Origin,
  ): Promise<TokenAnswer> {
    const client = await this.#checkCredentials(credentials, addressKey(origin.address));
    const scopes = narrowScopes(client.scopes, credentials.scope);
    await this.#keys.reload();
    const family = this.#newFamily(client, scopes, origin);
    const answer = this.#answer(family, scopes);
    await this.#database.transaction().execute(async (queries) => {
      if (!(await spendPassword(queries, client, family.createdAt, this.#config.resetOnce)))
        throw credentialsRefused();
      await endFamiliesOf(queries, client.id, 'reset', family.createdAt);
      await insertFamily(queries, family);
      await recordAudit(queries, family.createdAt, 'reset', {
        clientId: client.id,
        familyId: family.id,
        ...origin,
      });
    });
    return answer;
  }

  /** Tokens that an operator hands out; other families of the client live on. */
  async issue(client: Client, scope?: string): Promise<TokenAnswer> {
    const scopes = narrowScopes(client.scopes, scope);
    await this.#keys.reload();
    const family = this.#newFamily(client, scopes, {});
    const answer = this.#answer(family, scopes);
    await this.#database.transaction().execute(async (queries) => {
      await insertFamily(queries, family);
      await recordAudit(queries, family.createdAt, 'tokens_issued', {
        clientId: client.id,
        familyId: family.id,
      });
    });
    return answer;
  }

  /**
   * A refresh token for its successor. A replay ends the whole family, access tokens included.
   * @throws {Problem} 401 `invalid_token`, 400 `invalid_scope`
   */
  async refresh(token: string, { scope }: { scope?: string }, origin: Origin): Promise<TokenAnswer> {
    const { claims, kid } = await this.#verifyRefresh(token);
    await this.#keys.reload();
    const address = addressKey(origin.address);
    const answer = await this.#database.transaction().execute(async (queries) => {
      const now = this.#clock();
      const family = await findFamily(queries, claims.familyId, kid);
      const verdict = judgeRefresh(family, {
        claims,
        address,
        now,
        graceSeconds: this.#config.refreshGraceSeconds,
      });
      if (family === undefined || verdict === 'refuse') return undefined;
      const audit: AuditDetails = { clientId: family.clientId, familyId: family.id, ...origin };
      if (verdict === 'replay') {
        await endFamily(queries, family.id, 'replay', now);
        await recordAudit(queries, now, 'refresh_replay', {
          ...audit,
          detail: `generation ${claims.generation} of ${family.generation}`,
        });
        return undefined;
      }
      const scopes = narrowScopes(family.scopes, scope);
      const head = verdict === 'retry' ? family : await this.#advance(queries, family, address, now);
      await recordAudit(queries, now, verdict === 'retry' ? 'refresh_retry' : 'refresh', audit);
      return this.#answer(head, scopes);
    });
    if (answer === undefined) throw tokenRefused();
    return answer;
  }

  /** RFC 7009: ends the family of a token of either kind, of any generation. What is no token of ours changes nothing. */
  async revoke(token: string, origin: Origin): Promise<void> {
    const found = await this.#familyOf(token);
    if (found === undefined) return;
    await this.#database.transaction().execute(async (queries) => {
      const family = await findFamily(queries, found.familyId, found.kid);
      const now = this.#clock();
      if (family === undefined || !(await endFamily(queries, family.id, 'revoked', now))) return;
      await recordAudit(queries, now, 'revocation', {
        clientId: family.clientId,
        familyId: family.id,
        ...origin,
      });
    });
  }

  /** @throws {Problem} 401 `invalid_token` unless signature, claims, family, client and key are good now. */
  async verifyAccess(token: string): Promise<Session> {
    try {
      const { claims, kid } = await this.#keys.verify(token, accessTokenType);
      const {
        familyId,
        clientName: name,
        scopes,
        expiresAtSeconds,
      } = checkAccessClaims(this.#config, claims, this.#clock());
      const family = await findFamily(this.#database, familyId, kid);
      if (family === undefined || !this.#isAlive(family) || family.clientName !== name)
        throw new TokenRejected('family');
      return {
        clientId: family.clientId,
        clientName: name,
        familyId,
        scopes,
        expiresAt: expiresAtSeconds * 1_000,
      };
    } catch (error) {
      throw error instanceof TokenRejected ? tokenRefused(error.message) : error;
    }
  }

  /** Forgets families that ended by time more than a day ago. */
  async purge(): Promise<void> {
    await deleteExpiredFamilies(this.#database, this.#clock() - 86_400_000);
  }

  async #checkCredentials(
    { username, password }: { username: string; password: string },
    address: string,
  ): Promise<Client> {
    const isName = clientName.test(username);
    const isKnown = isName && (await isKnownAddress(this.#database, username, address));
    if (!isKnown) this.#failures.check(username);
    const client = isName ? await findClient(this.#database, username) : undefined;
    const matches = await this.#passwords.verify(client?.passwordHash, password);
    const isSpent = this.#config.resetOnce && client?.passwordSpentAt !== null;
    if (client === undefined || !matches || isSpent || client.disabledAt !== null) {
      this.#failures.count(username);
      throw credentialsRefused();
    }
    return client;
  }

  #newFamily(client: Client, scopes: readonly string[], origin: Origin) {
    const createdAt = this.#clock();
    return {
      id: randomUUID(),
      clientId: client.id,
      clientName: client.name,
      scopes,
      generation: 0,
      refreshJti: randomUUID(),
      createdAt,
      rotatedAt: createdAt,
      expiresAt: createdAt + this.#config.refreshMaxTtlSeconds * 1_000,
      lastAddress: addressKey(origin.address),
    };
  }

  async #advance(queries: Queries, family: TokenFamily, address: string, now: number): Promise<TokenFamily> {
    const refreshJti = randomUUID();
    const isOurs = await advanceFamily(queries, family, { refreshJti, at: now, address });
    // Another machine moved it between our read and our write; its token is the head now, and ours is spent.
    if (!isOurs) throw tokenRefused('lost a race');
    return { ...family, generation: family.generation + 1, refreshJti, rotatedAt: now };
  }

  async #verifyRefresh(token: string): Promise<{ claims: RefreshClaims; kid: string }> {
    try {
      const { claims, kid } = await this.#keys.verify(token, refreshTokenType);
      return { claims: checkRefreshClaims(this.#config, claims, this.#clock()), kid };
    } catch (error) {
      throw error instanceof TokenRejected ? tokenRefused(error.message) : error;
    }
  }

  async #familyOf(token: string): Promise<{ familyId: string; kid: string } | undefined> {
    const kinds = [
      { typ: accessTokenType, check: checkAccessClaims },
      { typ: refreshTokenType, check: checkRefreshClaims },
    ];
    for (const { typ, check } of kinds) {
      try {
        const { claims, kid } = await this.#keys.verify(token, typ);
        return { familyId: check(this.#config, claims, this.#clock()).familyId, kid };
      } catch (error) {
        if (!(error instanceof TokenRejected)) throw error;
      }
    }
    return undefined;
  }

  #isAlive({ endedAt, isClientDisabled, expiresAt }: TokenFamily): boolean {
    return endedAt === null && !isClientDisabled && expiresAt > this.#clock();
  }

  #answer(family: Parameters<typeof makeRefreshClaims>[1], scopes: readonly string[]): TokenAnswer {
    const now = this.#clock();
    const access = makeAccessClaims(this.#config, family, scopes, randomUUID(), now);
    const refresh = makeRefreshClaims(this.#config, family);
    return {
      access_token: this.#keys.sign(access, accessTokenType),
      token_type: 'Bearer',
      expires_in: access.exp - Math.floor(now / 1_000),
      refresh_token: this.#keys.sign(refresh, refreshTokenType),
      refresh_expires_in: refresh.exp - Math.floor(now / 1_000),
      scope: scopes.join(' '),
    };
  }
}

/** The granted scopes, or those of them that were asked for. @throws {Problem} 400 `invalid_scope` */
function narrowScopes(granted: readonly string[], asked: string | undefined): readonly string[] {
  if (asked === undefined) return granted;
  const scopes = [...new Set(asked.split(' '))].sort();
  if (!scopes.every((scope) => granted.includes(scope))) throw scopeUnknown();
  return scopes;
}
