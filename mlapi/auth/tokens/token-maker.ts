import { randomUUID } from 'node:crypto';
import type { CoreConfig } from '../../config/core-config.ts';
import { TokenRejected } from '../keys/compact-jws.ts';
import type { KeyManager } from '../keys/key-manager.ts';
import { tokenRefused } from '../problems.ts';
import type { AccessResponse, TokenResponse } from '../types.ts';
import {
  accessTokenType,
  checkAccessClaims,
  checkRefreshClaims,
  makeAccessClaims,
  makeRefreshClaims,
  refreshTokenType,
  type AccessClaims,
  type FamilyHead,
  type RefreshClaims,
} from './claims.ts';

/** A token whose form, signature and claims are valid. Revocation has not been checked. */
export interface Verified<C> {
  readonly claims: C;
  readonly kid: string;
}

/** Signs and parses both kinds of token, without looking at the state of their family. */
export class TokenMaker {
  readonly #config: CoreConfig;
  readonly #keys: KeyManager;
  readonly #clock: () => number;

  constructor(config: CoreConfig, keys: KeyManager, clock: () => number) {
    this.#config = config;
    this.#keys = keys;
    this.#clock = clock;
  }

  /** Reloads the keys, in case another process has rotated or retired some. Do not call it inside a transaction: it reads outside of it. */
  async prepare(): Promise<void> {
    await this.#keys.reload();
  }

  /**
   * Makes both tokens for the head of a family. The refresh token is always the same, so that a retry within the grace period gets it
   * again.
   */
  make(family: FamilyHead, scopes: readonly string[]): TokenResponse {
    const now = this.#clock();
    const refresh = makeRefreshClaims(this.#config, family);
    const { scope, ...access } = this.makeAccess(family, scopes);
    return {
      ...access,
      refresh_token: this.#keys.sign(refresh, refreshTokenType),
      refresh_expires_in: refresh.exp - Math.floor(now / 1_000),
      scope,
    };
  }

  /** Makes an access token alone. */
  makeAccess(family: FamilyHead, scopes: readonly string[]): AccessResponse {
    const now = this.#clock();
    const access = makeAccessClaims(this.#config, family, scopes, randomUUID(), now);
    return {
      access_token: this.#keys.sign(access, accessTokenType),
      token_type: 'Bearer',
      expires_in: access.exp - Math.floor(now / 1_000),
      scope: scopes.join(' '),
    };
  }

  /** @throws {Problem} 401 `invalid_token` */
  readAccess(token: string): Promise<Verified<AccessClaims>> {
    return this.#read(token, accessTokenType, checkAccessClaims);
  }

  /** @throws {Problem} 401 `invalid_token` */
  readRefresh(token: string): Promise<Verified<RefreshClaims>> {
    return this.#read(token, refreshTokenType, checkRefreshClaims);
  }

  async #read<C>(
    token: string,
    type: string,
    check: (config: CoreConfig, claims: Readonly<Record<string, unknown>>, now: number) => C,
  ): Promise<Verified<C>> {
    try {
      const { claims, kid } = await this.#keys.verify(token, type);
      return { claims: check(this.#config, claims, this.#clock()), kid };
    } catch (error) {
      throw error instanceof TokenRejected ? tokenRefused(error.message) : error;
    }
  }
}
