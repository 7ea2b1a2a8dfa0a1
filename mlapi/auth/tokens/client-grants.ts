import { randomUUID } from 'node:crypto';
import type { CoreConfig } from '../../config/core-config.ts';
import { addressKey } from '../../http/limits/rate-limits.ts';
import type { Database, Queries } from '../../persistence/database.ts';
import { recordAudit } from '../../telemetry/audit-trail.ts';
import { matchSecret, type SecretMatch } from '../client-secrets.ts';
import { clientRefused } from '../problems.ts';
import { lockClient } from '../stores/client-store.ts';
import { insertFamily, type NewFamily } from '../stores/family-store.ts';
import type { AccessResponse, Client, Origin } from '../types.ts';
import type { TokenMaker } from './token-maker.ts';
import { narrowScopes } from './token-service.ts';

interface ClientGrantsOptions {
  readonly config: Pick<CoreConfig, 'accessTtlSeconds'>;
  readonly database: Database;
  readonly maker: TokenMaker;
  /** Epoch milliseconds. */
  readonly clock: () => number;
}

/** Name and secret as presented in a request, not yet verified, and the requested scopes. */
export interface ClientCredentials {
  readonly name: string;
  readonly secret: string;
  readonly scope?: string | undefined;
}

/**
 * Issues access tokens to reusable clients. Each token is a family of its own, so that it can be revoked and ends when its client is
 * disabled.
 */
export class ClientGrants {
  readonly #config: ClientGrantsOptions['config'];
  readonly #database: Database;
  readonly #maker: TokenMaker;
  readonly #clock: () => number;

  constructor({ config, database, maker, clock }: ClientGrantsOptions) {
    this.#config = config;
    this.#database = database;
    this.#maker = maker;
    this.#clock = clock;
  }

  /**
   * Grants an access token for a client secret (RFC 6749 section 4.4). Compares the secret while the client is locked, so that a committed
   * rotation counts. A token obtained with a rotated-out secret expires with that secret.
   * @throws {Problem} 401 `invalid_client`, 400 `invalid_scope`
   */
  grant({ name, secret, scope }: ClientCredentials, origin: Origin): Promise<AccessResponse> {
    return this.#start(name, scope, origin, async (queries, client, family) => {
      const match = matchSecret(client, secret, family.createdAt);
      if (match === undefined || client?.disabledAt !== null) throw clientRefused('changed meanwhile');
      const details = { clientId: client.id, familyId: family.id, ...origin };
      await recordAudit(queries, family.createdAt, 'token_granted', details);
      return { client, match };
    });
  }

  /** Issues an access token for an operator to hand out. @throws {Problem} 400 `invalid_scope` */
  issue(name: string, scope?: string): Promise<AccessResponse> {
    return this.#start(name, scope, {}, async (queries, client, family) => {
      if (client?.disabledAt !== null) throw new Error(`the client "${name}" is disabled`);
      await recordAudit(queries, family.createdAt, 'tokens_issued', { clientId: client.id, familyId: family.id });
      return { client, match: { endsAt: null } };
    });
  }

  async #start(
    name: string,
    scope: string | undefined,
    origin: Origin,
    check: (
      queries: Queries,
      client: Client | undefined,
      family: Pick<NewFamily, 'id' | 'createdAt'>,
    ) => Promise<{ client: Client; match: SecretMatch }>,
  ): Promise<AccessResponse> {
    await this.#maker.prepare();
    return this.#database.transaction().execute(async (queries) => {
      const started = { id: randomUUID(), createdAt: this.#clock() };
      const { client, match } = await check(queries, await lockClient(queries, { name }), started);
      const scopes = narrowScopes(client.scopes, scope);
      const family: NewFamily = {
        ...started,
        clientId: client.id,
        scopes,
        refreshJti: randomUUID(),
        expiresAt: Math.min(started.createdAt + this.#config.accessTtlSeconds * 1_000, match.endsAt ?? Infinity),
        lastAddress: addressKey(origin.address),
      };
      await insertFamily(queries, family);
      const head = { ...family, clientName: client.name, generation: 0, rotatedAt: started.createdAt };
      return this.#maker.makeAccess(head, scopes);
    });
  }
}
