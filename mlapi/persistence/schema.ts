import type { Generated } from 'kysely';

/** Tables of the core; features add their own. Times are epoch milliseconds; text is UTF-8 without NUL. */
export interface Tables {
  clients: ClientRow;
  token_families: TokenFamilyRow;
  signing_keys: SigningKeyRow;
  audit_events: AuditEventRow;
}

export interface ClientRow {
  id: string;
  name: string;
  password_hash: string;
  /** Space-separated, sorted. */
  scopes: string;
  created_at: number;
  disabled_at: number | null;
  /** When `/auth/reset` used the password; null while it is unused. */
  password_spent_at: number | null;
  /** SHA-256 of a reusable client's secret. Null for clients with a one-time password, like the three columns below. */
  secret_digest: string | null;
  secret_changed_at: number | null;
  /** The previous secret, valid until it ends. */
  previous_secret_digest: string | null;
  previous_secret_ends_at: number | null;
}

export interface TokenFamilyRow {
  id: string;
  client_id: string;
  scopes: string;
  /** Number of rotations; only the refresh token of this generation is unused. */
  generation: number;
  refresh_jti: string;
  /** jti of the previous generation, which the grace period may still accept. */
  previous_jti: string | null;
  rotated_at: number;
  expires_at: number;
  created_at: number;
  ended_at: number | null;
  ended_by: string | null;
  /** Rate-limit key of the address of the last reset or refresh. */
  last_address: string;
}

export interface SigningKeyRow {
  kid: string;
  /** Encrypted under the passphrase. */
  sealed_private_key: string;
  created_at: number;
  signs_from: number;
  retired_at: number | null;
}

export interface AuditEventRow {
  id: Generated<number>;
  at: number;
  event: string;
  client_id: string | null;
  family_id: string | null;
  address: string | null;
  request_id: string | null;
  detail: string | null;
}
