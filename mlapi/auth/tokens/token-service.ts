import { randomUUID } from 'node:crypto';
import type { Config } from '../../config/config.ts';
import { addressKey } from '../../http/limits/rate-limits.ts';
import { Problem } from '../../http/problem.ts';
import { covers } from '../../http/scopes.ts';
import type { Session } from '../../http/session.ts';
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
  readonly config: Pick<Config, 'resetOnce' | 'refreshGraceSeconds' | 'refreshMaxTtlSeconds'>;
  readonly database: Database;
  readonly maker: TokenMaker;
  readonly metrics: Metrics;
  readonly clock: () => number;
}

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

/**
 * Issues, rotates, revokes and verifies tokens. What it decides it decides in the database, in one transaction each, so that
 * workers, machines and restarts agree.
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
   * Tokens for a client whose password was verified just now, and is spent here; older families of the client end.
   * @throws {Problem} 401 `invalid_client` if another request was faster, 400 `invalid_scope`
   */
  async reset(verified: VerifiedClient, scope: string | undefined, origin: Origin): Promise<TokenResponse> {
    return this.#startFamily(verified, scope, origin, async (queries, { id, clientId, createdAt }) => {
      // The password is the one that was verified only if its hash is still the same.
      if (!(await spendPassword(queries, verified, createdAt, this.#config.resetOnce)))
        throw credentialsRefused('spent or changed meanwhile');
      await endFamiliesOf(queries, clientId, 'reset', createdAt);
      await recordAudit(queries, createdAt, 'reset', { clientId, familyId: id, ...origin });
    });
  }

  /** Tokens that an operator hands out; other families of the client live on. @throws {Problem} 400 `invalid_scope` */
  async issue({ id: ofClient }: Pick<Client, 'id'>, scope?: string): Promise<TokenResponse> {
    return this.#startFamily({ id: ofClient }, scope, {}, async (queries, { id, clientId, createdAt }, client) => {
      if (client.disabledAt !== null) throw new Error(`the client "${client.name}" is disabled`);
      await recordAudit(queries, createdAt, 'tokens_issued', { clientId, familyId: id });
    });
  }

  /**
   * A refresh token for its successor. A replay ends the whole family, access tokens included.
   * @param clientName the client that it must have been issued to, where the caller names one
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
      // The client before its family, as everywhere: what it may do, and whether it may do anything, stands in its row.
      const client = await lockClient(queries, { name: claims.clientName });
      const family = await lockFamily(queries, claims.familyId, kid);
      const now = this.#clock();
      const { refreshGraceSeconds: graceSeconds } = this.#config;
      let verdict = judgeRefresh(family, { claims, address, now, graceSeconds });
      if (client === undefined || family === undefined || verdict === 'refuse') return undefined;
      const next = { refreshJti: randomUUID(), at: now, address };
      // The lock says that it cannot have moved since it was read; if it has, this token is spent by now.
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
   * RFC 7009: ends the family of a token of either kind, of any generation. What is no token of ours, or not of the client that the caller
   * names, changes nothing.
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
   * Whether a session's rights still hold, for a transaction that writes in its name: they may have been taken away while it
   * waited, or while a model was received. Until its end, who takes them away waits. Narrower scopes end the family, so that
   * the scopes of a living one hold. @throws {Problem} 401 `invalid_token`
   */
  async confirm(queries: Queries, { clientId, familyId }: Pick<Session, 'clientId' | 'familyId'>): Promise<void> {
    const client = await lockClient(queries, { id: clientId });
    const isAlive = client?.disabledAt === null && (await lockLivingFamily(queries, { id: familyId, clientId }));
    if (!isAlive) throw tokenRefused('family');
  }

  /** How many verified tokens are remembered. */
  get remembered(): number {
    return this.#verified.size;
  }

  /** @throws {Problem} 401 `invalid_token` unless signature, claims, family, client and key are good now */
  verifyAccess(token: string, digest = VerifiedTokens.digest(token)): Session | Promise<Session> {
    const verified = this.#verified.find(digest, this.#clock());
    this.#metrics.tokenLookup(verified !== undefined);
    if (verified?.changes !== undefined && verified.changes === readChanges(this.#database)) return verified.session;
    return this.#verifyAccess(token, digest, verified);
  }

  /** Looks the family up, and before it at the signature of a token that is not remembered. */
  async #verifyAccess(token: string, digest: string, verified: VerifiedToken | undefined): Promise<Session> {
    const verifiedAt = verified?.verifiedAt ?? this.#clock();
    const { claims, kid } = verified ?? (await this.#maker.readAccess(token));
    const { familyId, clientName, scopes, expiresAtSeconds } = claims;
    // Before the look: what changes during it makes the next request look again.
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

  /** Purges now and every hour; a failure is logged, and tried again an hour later. */
  async schedulePurge(logger: Logger): Promise<void> {
    const purge = () => this.purge().catch((cause: unknown) => logger.error('purge failed', { cause }));
    setInterval(() => void purge(), hourMs).unref();
    await purge();
  }

  /** Forgets families that ended by time more than a day ago. */
  async purge(): Promise<void> {
    const before = this.#clock() - dayMs;
    await this.#database.transaction().execute((queries) => deleteExpiredFamilies(queries, before));
  }

  /**
   * Starts a family for a client as its locked row has it: between the look at its password and the lock, its scopes may have
   * been taken away. Signs before it commits: what cannot be signed spends nothing.
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

  /** A token of either kind, or undefined if it is none of ours. */
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

/** The granted scopes, or those of them that were asked for. @throws {Problem} 400 `invalid_scope` */
export function narrowScopes(granted: readonly string[], asked: string | undefined): readonly string[] {
  if (asked === undefined) return granted;
  const scopes = [...new Set(asked.split(' '))].sort();
  if (!scopes.every((scope) => granted.some((one) => covers(one, scope)))) throw scopeUnknown();
  return scopes;
}
