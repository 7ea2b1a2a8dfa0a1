/** Permissions that a service without any feature has. */
export const corePermissions: readonly string[] = ['models:predict', 'models:read'];

/** Scopes of a new client unless the operator names others: never those of a feature. */
export const defaultScopes: readonly string[] = [...corePermissions];

/** The secret of a reusable client, as stored. Times are epoch milliseconds. */
export interface ClientSecret {
  /** SHA-256, base64url. */
  readonly digest: string;
  readonly changedAt: number;
  /** The secret that was rotated out, valid until `endsAt`. */
  readonly previous?: { readonly digest: string; readonly endsAt: number } | undefined;
}

/** A registered caller, as stored. Times are epoch milliseconds. */
export interface Client {
  readonly id: string;
  readonly name: string;
  readonly passwordHash: string;
  readonly scopes: readonly string[];
  readonly createdAt: number;
  readonly disabledAt: number | null;
  readonly passwordSpentAt: number | null;
  /** The secret of a reusable client, valid until it is rotated; undefined for a client with a one-time password. */
  readonly secret: ClientSecret | undefined;
}

/**
 * A client whose password was verified, and the hash that it matched. Scopes and state are left out: they are read again under the lock.
 */
export type VerifiedClient = Pick<Client, 'id' | 'passwordHash'>;

/**
 * A chain of rotated refresh tokens that began with one reset or was issued by an operator. Only its newest generation is unused. A family
 * of a reusable client holds a single access token and never a refresh token.
 */
export interface TokenFamily {
  readonly id: string;
  readonly clientId: string;
  readonly clientName: string;
  readonly scopes: readonly string[];
  readonly generation: number;
  readonly refreshJti: string;
  readonly previousJti: string | null;
  readonly rotatedAt: number;
  readonly expiresAt: number;
  readonly endedAt: number | null;
  /** Rate-limit key of the address of the last reset or refresh. */
  readonly lastAddress: string;
  readonly isClientDisabled: boolean;
}

/** RFC 6749 section 5.1 without a refresh token, as section 4.4.3 says for reusable clients. */
export interface AccessResponse {
  readonly access_token: string;
  readonly token_type: 'Bearer';
  readonly expires_in: number;
  readonly scope: string;
}

/** RFC 6749 section 5.1. */
export interface TokenResponse extends AccessResponse {
  readonly refresh_token: string;
  readonly refresh_expires_in: number;
}

/** Client address and request id, for the audit trail. */
export interface Origin {
  readonly address?: string | undefined;
  readonly requestId?: string | undefined;
}
