import type { Queries } from '../persistence/database.ts';

export type AuditEvent =
  | 'reset'
  | 'refresh'
  | 'refresh_retry'
  | 'refresh_replay'
  | 'revocation'
  | 'scope_refused'
  | 'model_hidden'
  | 'rate_limited'
  | 'token_granted'
  | 'tokens_issued'
  | 'client_added'
  | 'client_disabled'
  | 'client_enabled'
  | 'client_password_changed'
  | 'client_secret_rotated'
  | 'client_scopes_changed'
  | 'model_added'
  | 'model_retired'
  | 'model_alias_set'
  | 'model_alias_removed'
  | 'key_created'
  | 'key_retired'
  | 'passphrase_changed'
  | 'credentials_voided';

/** Actor and origin of an event; never a token, a password or a body. */
export interface AuditDetails {
  readonly clientId?: string;
  readonly familyId?: string;
  readonly address?: string | undefined;
  readonly requestId?: string | undefined;
  readonly detail?: string;
}

/** Writes an audit row in the caller's transaction: if the row cannot be written, the event is rolled back. */
export async function recordAudit(
  queries: Queries,
  at: number,
  event: AuditEvent,
  details: AuditDetails,
): Promise<void> {
  await queries
    .insertInto('audit_events')
    .values({
      at,
      event,
      client_id: details.clientId ?? null,
      family_id: details.familyId ?? null,
      address: details.address ?? null,
      request_id: details.requestId ?? null,
      detail: details.detail ?? null,
    })
    .execute();
}
