import { randomUUID } from 'node:crypto';
import type { CoreConfig } from '../../config/core-config.ts';
import { addressKey } from '../../http/limits/rate-limits.ts';
import { Problem } from '../../http/problem.ts';
import { covers } from '../../http/scopes.ts';
import type { Session } from '../../http/session.ts';
import { Schedule } from '../../maintenance/schedule.ts';
import { readChanges, type Database, type Queries } from '../../persistence/database.ts';
import { recordAudit, type AuditDetails } from '../../telemetry/audit-trail.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { Metrics } from '../../telemetry/metrics/metrics.ts';
import { credentialsRefused, scopeUnknown, tokenRefused } from '../problems.ts';
import { lockClient, spendPassword } from '../stores/client-store.ts';
import {
  advanceFamily,
  deleteExpiredFamilies,
  endFamiliesOf,
  endFamily,
  findFamily,
  insertFamily,
  lockFamily,
  lockLivingFamily,
  type NewFamily,
} from '../stores/family-store.ts';
import type { Client, Origin, TokenResponse, TokenFamily, VerifiedClient } from '../types.ts';
import type { TokenClaims } from './claims.ts';
import { judgeRefresh } from './rotation.ts';
import type { TokenMaker, Verified } from './token-maker.ts';
import { VerifiedTokens, type VerifiedToken } from './verified-tokens.ts';

interface TokenServiceOptions {
  readonly config: Pick<CoreConfig, 'resetOnce' | 'refreshGraceSeconds' | 'refreshMaxTtlSeconds'>;
  readonly database: Database;
  readonly maker: TokenMaker;
  readonly metrics: Metrics;
  readonly clock: () => number;
}

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

/**
 * Issues, rotates, revokes and verifies tokens. Every decision is one database transaction, so that processes and machines agree and restarts
 * lose nothing.
 * @example
 * const tokens = new TokenService({ config, database, maker, metrics, clock: Date.now });
 * const client = await authenticator.authenticate('demo', password, '192.0.2.1');
 * const issued = await tokens.reset(client, 'models:predict', { address: '192.0.2.1' });
 * const session = await tokens.verifyAccess(issued.access_token);
 * const rotated = await tokens.refresh(issued.refresh_token, {}, { address: '192.0.2.1' });
 */
export class TokenService {
  readonly #config: TokenServiceOptions['config'];
  readonly #database: Database;
  readonly #maker: TokenMaker;
  readonly #metrics: Metrics;
  readonly #clock: () => number;
  readonly #verified = new VerifiedTokens();

  constructor({ config, database, maker, metrics, clock }: TokenServiceOptions) {
    this.#config = config;
    this.#database = database;
    this.#maker = maker;
    this.#metrics = metrics;
    this.#clock = clock;
  }

  /**
   * Issues tokens to a client whose password was just verified, marks the password as used and ends older families of the client.
   * @throws {Problem} 401 `invalid_client` if the password was used or changed meanwhile, 400 `invalid_scope`
   */
  async reset(verified: VerifiedClient, scope: string | undefined, origin: Origin): Promise<TokenResponse> {
    return this.#startFamily(verified, scope, origin, async (queries, { id, clientId, createdAt }) => {
      // The password was verified against this hash; a changed hash means another password.
      if (!(await spendPassword(queries, verified, createdAt, this.#config.resetOnce)))
        throw credentialsRefused('spent or changed meanwhile');
      await endFamiliesOf(queries, clientId, 'reset', createdAt);
      await recordAudit(queries, createdAt, 'reset', { clientId, familyId: id, ...origin });
    });
  }

  /** Issues tokens for an operator to hand out. Other families of the client stay valid. @throws {Problem} 400 `invalid_scope` */
  async issue({ id: ofClient }: Pick<Client, 'id'>, scope?: string): Promise<TokenResponse> {
    return this.#startFamily({ id: ofClient }, scope, {}, async (queries, { id, clientId, createdAt }, client) => {
      if (client.disabledAt !== null) throw new Error(`the client "${client.name}" is disabled`);
      await recordAudit(queries, createdAt, 'tokens_issued', { clientId, familyId: id });
    });
  }

  /**
   * Exchanges a refresh token for its successor. A replay revokes the whole family, access tokens included.
   * @param clientName if given, the client that the token must have been issued to
   * @throws {Problem} 401 `invalid_token`, 400 `invalid_scope`
   */
  async refresh(
    token: string,
    { scope, clientName }: { scope?: string | undefined; clientName?: string | undefined },
    origin: Origin,
  ): Promise<TokenResponse> {
    const { claims, kid } = await this.#maker.readRefresh(token);
    if (clientName !== undefined && clientName !== claims.clientName) throw tokenRefused('another client');
    const address = addressKey(origin.address);
    await this.#maker.prepare();
    const answer = await this.#database.transaction().execute(async (queries) => {
      // Lock the client before its family, as everywhere, to avoid deadlocks. Its row holds its scopes and whether it is disabled.
      const client = await lockClient(queries, { name: claims.clientName });
      const family = await lockFamily(queries, claims.familyId, kid);
      const now = this.#clock();
      const { refreshGraceSeconds: graceSeconds } = this.#config;
      let verdict = judgeRefresh(family, { claims, address, now, graceSeconds });
      if (client === undefined || family === undefined || verdict === 'refuse') return undefined;
      const next = { refreshJti: randomUUID(), at: now, address };
      // The row is locked, so this should not fail. If it does, the token has been used.
      if (verdict === 'rotate' && !(await advanceFamily(queries, family, next))) verdict = 'replay';
      const audit: AuditDetails = { clientId: family.clientId, familyId: family.id, ...origin };
      if (verdict === 'replay') {
        await endFamily(queries, family.id, 'replay', now);
        const detail = `generation ${claims.generation} of ${family.generation}`;
        await recordAudit(queries, now, 'refresh_replay', { ...audit, detail });
        return undefined;
      }
      const granted = family.scopes.filter((held) => client.scopes.some((one) => covers(one, held)));
      const scopes = narrowScopes(granted, scope);
      await recordAudit(queries, now, verdict === 'retry' ? 'refresh_retry' : 'refresh', audit);
      return this.#maker.make(verdict === 'retry' ? family : successorOf(family, next), scopes);
    });
    if (answer === undefined) throw tokenRefused('family');
    return answer;
  }

  /**
   * Revokes the family of an access or refresh token of any generation (RFC 7009). Ignores tokens that are invalid or belong to another
   * client than `clientName`.
   */
  async revoke(token: string, origin: Origin, clientName?: string): Promise<void> {
    const verified = await this.#readEither(token);
    if (verified === undefined) return;
    if (clientName !== undefined && clientName !== verified.claims.clientName) return;
    await this.#database.transaction().execute(async (queries) => {
      const family = await lockFamily(queries, verified.claims.familyId, verified.kid);
      const now = this.#clock();
      if (family === undefined || !(await endFamily(queries, family.id, 'revoked', now))) return;
      await recordAudit(queries, now, 'revocation', {
        clientId: family.clientId,
        familyId: family.id,
        ...origin,
      });
    });
  }

  /**
   * Confirms, within a transaction that writes for a session, that the session is still valid: it may have been revoked while the request
   * waited or its body arrived. Locks client and family, so that a revocation waits for the end of the transaction. Narrowing a client's
   * scopes ends its families, so the scopes of a living family are current.
   * @throws {Problem} 401 `invalid_token`
   */
  async confirm(queries: Queries, { clientId, familyId }: Pick<Session, 'clientId' | 'familyId'>): Promise<void> {
    const client = await lockClient(queries, { id: clientId });
    const isAlive = client?.disabledAt === null && (await lockLivingFamily(queries, { id: familyId, clientId }));
    if (!isAlive) throw tokenRefused('family');
  }

  /** Number of cached tokens. */
  get remembered(): number {
    return this.#verified.size;
  }

  /**
   * Verifies an access token: signature, claims, family, client and key. Synchronous if the token is cached and the database unchanged.
   * @throws {Problem} 401 `invalid_token`
   */
  verifyAccess(token: string, digest = VerifiedTokens.digest(token)): Session | Promise<Session> {
    const verified = this.#verified.find(digest, this.#clock());
    this.#metrics.tokenLookup(verified !== undefined);
    if (verified?.changes !== undefined && verified.changes === readChanges(this.#database)) return verified.session;
    return this.#verifyAccess(token, digest, verified);
  }

  /** Reads the family; for a token that is not cached, verifies the signature first. */
  async #verifyAccess(token: string, digest: string, verified: VerifiedToken | undefined): Promise<Session> {
    const verifiedAt = verified?.verifiedAt ?? this.#clock();
    const { claims, kid } = verified ?? (await this.#maker.readAccess(token));
    const { familyId, clientName, scopes, expiresAtSeconds } = claims;
    // Read before the query: a change during the query makes the next request query again.
    const changes = readChanges(this.#database);
    const family = await findFamily(this.#database, familyId, kid);
    if (family?.clientName !== clientName || !this.#isAlive(family)) {
      this.#verified.forget(digest);
      throw tokenRefused('family');
    }
    const session = { clientId: family.clientId, clientName, familyId, scopes, expiresAt: expiresAtSeconds * 1_000 };
    this.#verified.remember(digest, { claims, kid, verifiedAt, changes, session });
    return session;
  }

  /** Purges now and every hour. A failure is logged and retried an hour later. */
  async schedulePurge(logger: Logger): Promise<void> {
    await new Schedule(() => this.purge(), { everyMs: hourMs, logger, failure: 'purge failed' }).run();
  }

  /** Deletes families that expired more than a day ago. */
  async purge(): Promise<void> {
    const before = this.#clock() - dayMs;
    await this.#database.transaction().execute((queries) => deleteExpiredFamilies(queries, before));
  }

  /**
   * Starts a family with the scopes of the locked client row: scopes may have been removed since the password was verified. Signs before
   * the commit, so that a failure to sign does not use up the password.
   */
  async #startFamily(
    { id: clientId }: Pick<Client, 'id'>,
    scope: string | undefined,
    origin: Origin,
    record: (queries: Queries, family: NewFamily, client: Client) => Promise<void>,
  ): Promise<TokenResponse> {
    await this.#maker.prepare();
    return this.#database.transaction().execute(async (queries) => {
      const client = await lockClient(queries, { id: clientId });
      if (client === undefined) throw credentialsRefused('removed meanwhile');
      const createdAt = this.#clock();
      const family: NewFamily = {
        id: randomUUID(),
        clientId,
        scopes: narrowScopes(client.scopes, scope),
        refreshJti: randomUUID(),
        createdAt,
        expiresAt: createdAt + this.#config.refreshMaxTtlSeconds * 1_000,
        lastAddress: addressKey(origin.address),
      };
      await record(queries, family, client);
      await insertFamily(queries, family);
      const head = { ...family, clientName: client.name, generation: 0, rotatedAt: createdAt };
      return this.#maker.make(head, family.scopes);
    });
  }

  /** Reads an access or refresh token. Returns undefined if it is not one of ours. */
  async #readEither(token: string): Promise<Verified<TokenClaims> | undefined> {
    const isRefused = (error: unknown) => {
      if (error instanceof Problem && error.status === 401) return undefined;
      throw error;
    };
    const access = await this.#maker.readAccess(token).catch(isRefused);
    return access ?? (await this.#maker.readRefresh(token).catch(isRefused));
  }

  #isAlive({ endedAt, isClientDisabled, expiresAt }: TokenFamily): boolean {
    return endedAt === null && !isClientDisabled && expiresAt > this.#clock();
  }
}

function successorOf(family: TokenFamily, { refreshJti, at }: { refreshJti: string; at: number }): TokenFamily {
  return { ...family, generation: family.generation + 1, refreshJti, rotatedAt: at };
}

/** Returns the requested scopes, or all granted ones if none were requested. @throws {Problem} 400 `invalid_scope` */
export function narrowScopes(granted: readonly string[], asked: string | undefined): readonly string[] {
  if (asked === undefined) return granted;
  const scopes = [...new Set(asked.split(' '))].sort();
  if (!scopes.every((scope) => granted.some((one) => covers(one, scope)))) throw scopeUnknown();
  return scopes;
}
