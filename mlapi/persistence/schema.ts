import type { Generated } from 'kysely';

/** Tables of the core; a feature adds its own (`mlapi/models/catalog/tables.ts`). Times are epoch milliseconds; text is UTF-8 without NUL. */
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
  /** When `/auth/reset` took the password; null while it may still be used. */
  password_spent_at: number | null;
  /** SHA-256 of a reusable client's secret; null for a client whose password works once, and so is all that follows. */
  secret_digest: string | null;
  secret_changed_at: number | null;
  /** The secret before, good until it ends. */
  previous_secret_digest: string | null;
  previous_secret_ends_at: number | null;
}

export interface TokenFamilyRow {
  id: string;
  client_id: string;
  scopes: string;
  /** Count of rotations; only the refresh token of this generation is unspent. */
  generation: number;
  refresh_jti: string;
  /** The jti of the generation before, which the grace period may still honour. */
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
