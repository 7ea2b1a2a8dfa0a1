import type { AccessResponse, TokenResponse } from '../auth/types.ts';
import { ApiError } from './api-error.ts';
import type { Attempts, CallOptions, TokenSource } from './attempts.ts';
import type { Timing } from './deadline.ts';
import { formPayload, jsonPayload } from './payload.ts';
import type { ServiceResponse } from './response.ts';

/** A one-time password: valid for one reset, unless the service is configured otherwise. */
export interface Credentials {
  readonly username: string;
  readonly password: string;
  readonly scope?: string | undefined;
}

/** Credentials of a reusable client. They stay valid, so a program needs nothing else after a restart. */
export interface ClientSecret {
  readonly clientId: string;
  readonly clientSecret: string;
  readonly scope?: string | undefined;
}

/** Stored tokens: the response of a reset or refresh, or at least its refresh token. */
export type KeptTokens = Pick<TokenResponse, 'refresh_token'> & Partial<TokenResponse>;

interface TokenHolderOptions {
  readonly attempts: Attempts;
  readonly timing: Timing;
  readonly start: Credentials | ClientSecret | KeptTokens;
  /** Stores new tokens before they are used. Not called for reusable clients. */
  readonly onTokens?: ((tokens: TokenResponse) => void | Promise<void>) | undefined;
}

/** Access tokens are replaced this long before they expire, so that none expires in transit. */
const marginMs = 30_000;
const marginShare = 0.1;
/** Own timeout instead of the caller's: other calls wait for the same tokens, and an aborted refresh may lose them. */
const timeoutMs = 30_000;

interface Held {
  readonly access: string | undefined;
  /** Undefined for a reusable client. */
  readonly refresh: string | undefined;
  /** When to renew, by our clock; infinite for stored tokens of unknown age, which a 401 renews. */
  readonly freshUntil: number;
  readonly goodUntil: number;
}

/** Holds the tokens in memory. However many calls need a new token, one request obtains it for all. */
export class TokenHolder implements TokenSource {
  readonly #attempts: Attempts;
  readonly #timing: Timing;
  readonly #onTokens: TokenHolderOptions['onTokens'];
  readonly #secret: ClientSecret | undefined;
  #credentials: Credentials | undefined;
  #held: Held | undefined;
  /** Tokens that `onTokens` has not stored yet. */
  #unstored: TokenResponse | undefined;
  #renewal: Promise<void> | undefined;
  /** Set once no further tokens can be obtained. */
  #end: ApiError | undefined;

  constructor({ attempts, timing, start, onTokens }: TokenHolderOptions) {
    this.#attempts = attempts;
    this.#timing = timing;
    this.#onTokens = onTokens;
    if ('clientSecret' in start) this.#secret = start;
    else if ('password' in start) this.#credentials = start;
    else {
      const { access_token: access, refresh_token: refresh } = start;
      this.#held = { access, refresh, freshUntil: Infinity, goodUntil: Infinity };
    }
  }

  async access(): Promise<string> {
    const { access, freshUntil = 0, goodUntil = 0 } = this.#held ?? {};
    const now = this.#timing.now();
    if (access !== undefined && now < freshUntil && this.#unstored === undefined) return access;
    const isGood = access !== undefined && now < goodUntil && this.#unstored === undefined;
    if (this.#end !== undefined && isGood) return access;
    return this.#renew().catch((error: unknown) => {
      // Use the old token while it is valid.
      if (isGood) return access;
      throw error;
    });
  }

  async replace(refused: string): Promise<string> {
    // Another call has already replaced the rejected token.
    if (this.#held?.access !== undefined && this.#held.access !== refused) return this.access();
    if (this.#held !== undefined) this.#held = { ...this.#held, freshUntil: 0, goodUntil: 0 };
    return this.#renew();
  }

  /** Revokes all tokens of this family at the service and forgets them. */
  async revoke(options: CallOptions): Promise<void> {
    await this.#renewal?.catch(() => undefined);
    const token = this.#held?.refresh ?? this.#held?.access;
    if (token !== undefined) {
      const payload = jsonPayload({ token });
      const call = { method: 'POST', path: '/auth/revoke', payload, isRepeatable: true, runsAlone: true };
      await this.#attempts.perform(call, (answer) => answer.discard(), options);
    }
    this.#finish(new ApiError('tokens_lost', 'The tokens were revoked.'));
    this.#held = undefined;
  }

  async #renew(): Promise<string> {
    this.#renewal ??= this.#obtain().finally(() => (this.#renewal = undefined));
    await this.#renewal;
    return this.#held!.access!;
  }

  async #obtain(): Promise<void> {
    if (this.#unstored === undefined) {
      if (this.#end !== undefined) throw this.#end;
      const askedAt = this.#timing.now();
      if (this.#secret !== undefined) {
        this.#held = heldOf(await this.#grant(this.#secret), askedAt);
        return;
      }
      const tokens = await (this.#credentials === undefined ? this.#refresh() : this.#reset(this.#credentials));
      this.#credentials = undefined;
      this.#held = heldOf(tokens, askedAt);
      this.#unstored = tokens;
    }
    await this.#onTokens?.(this.#unstored);
    this.#unstored = undefined;
  }

  /** Repeatable: a client secret is not used up. */
  async #grant({ clientId, clientSecret, scope }: ClientSecret): Promise<AccessResponse> {
    const fields = { grant_type: 'client_credentials', client_id: clientId, client_secret: clientSecret, scope };
    const call = {
      method: 'POST',
      path: '/auth/token',
      payload: formPayload(fields),
      isRepeatable: true,
      runsAlone: true,
    };
    try {
      return await this.#attempts.perform(call, readAccess, { timeoutMs });
    } catch (error) {
      if (error instanceof ApiError && (error.status === 400 || error.status === 401)) this.#finish(error);
      throw error;
    }
  }

  /** Retried even if the response was lost: if that attempt used up the password, nothing more can be lost. */
  async #reset({ username, password, scope }: Credentials): Promise<TokenResponse> {
    const payload = jsonPayload({ username, password, scope });
    const call = { method: 'POST', path: '/auth/reset', payload, isRepeatable: true, runsAlone: true };
    try {
      return await this.#attempts.perform(call, readTokens, { timeoutMs });
    } catch (error) {
      if (error instanceof ApiError && (error.status === 400 || error.status === 401)) this.#finish(error);
      throw error;
    }
  }

  /**
   * RFC 9700 section 4.14.2: a refresh token that is used twice revokes its family. So it is never sent again if the response was lost: the
   * access token is used until it expires, then a new password is needed. Responses such as 429 and 503 say that nothing was changed.
   */
  async #refresh(): Promise<TokenResponse> {
    const { refresh = '' } = this.#held ?? {};
    const headers = { authorization: `Bearer ${refresh}` };
    const call = { method: 'POST', path: '/auth/refresh', headers, isRepeatable: false, runsAlone: true };
    try {
      return await this.#attempts.perform(call, readTokens, { timeoutMs });
    } catch (error) {
      if (!(error instanceof ApiError) || error.code === 'unreachable') throw error;
      const { status = 200, code } = error;
      if (status === 400 || status === 401) throw this.#finish(error);
      // Statuses that mean nothing was changed, whoever sent them.
      if ((status >= 300 && status < 500) || status === 503) throw error;
      const detail = `The response to a refresh was lost (${code}); a new password is needed.`;
      throw this.#finish(new ApiError('tokens_lost', detail));
    }
  }

  #finish(error: ApiError): ApiError {
    this.#credentials = undefined;
    this.#end = error;
    return error;
  }
}

function heldOf(tokens: AccessResponse & Partial<TokenResponse>, askedAt: number): Held {
  const lifeMs = tokens.expires_in * 1_000;
  const goodUntil = askedAt + lifeMs;
  const freshUntil = goodUntil - Math.min(marginMs, lifeMs * marginShare);
  return { access: tokens.access_token, refresh: tokens.refresh_token, freshUntil, goodUntil };
}

function readTokens(answer: ServiceResponse): Promise<TokenResponse> {
  return answer.json<TokenResponse>(
    ({ access_token: access, refresh_token: refresh, expires_in: seconds }) =>
      isToken(access) && isToken(refresh) && typeof seconds === 'number',
  );
}

function readAccess(answer: ServiceResponse): Promise<AccessResponse> {
  return answer.json<AccessResponse>(
    ({ access_token: access, expires_in: seconds }) => isToken(access) && typeof seconds === 'number',
  );
}

/** Whether the value is a valid header value. Otherwise Node's error would quote it. */
function isToken(value: unknown): boolean {
  return typeof value === 'string' && /^[A-Za-z0-9._~+/-]+=*$/.test(value);
}
