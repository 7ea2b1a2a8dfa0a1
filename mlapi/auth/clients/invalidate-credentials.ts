import type { Queries } from '../../persistence/database.ts';
import { recordAudit } from '../../telemetry/audit-trail.ts';
import { voidPasswords } from '../stores/client-store.ts';
import { endAllFamilies } from '../stores/family-store.ts';
import { deleteKeys } from '../stores/key-store.ts';

/**
 * Removes credentials from a backup or a restored database, which may have been revoked, used, changed or retired since it was made. Ends
 * every token family, replaces every password by an unknown one and deletes the signing keys; the next start makes a new key.
 * @param passwordHash argon2id hash of a password that nobody knows
 * @returns the names of the clients: each needs a new password or secret
 */
export async function voidCredentials(
  queries: Queries,
  { at, passwordHash, occasion }: { at: number; passwordHash: string; occasion: 'backup' | 'restore' },
): Promise<string[]> {
  await endAllFamilies(queries, 'restore', at);
  await deleteKeys(queries);
  await recordAudit(queries, at, 'credentials_voided', { detail: occasion });
  return voidPasswords(queries, passwordHash, at);
}
