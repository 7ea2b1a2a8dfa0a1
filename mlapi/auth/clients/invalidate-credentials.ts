import type { Queries } from '../../persistence/database.ts';
import { recordAudit } from '../../telemetry/audit-trail.ts';
import { voidPasswords } from '../stores/client-store.ts';
import { endAllFamilies } from '../stores/family-store.ts';
import { deleteKeys } from '../stores/key-store.ts';

/**
 * Takes out of a database what must not come back with it: a backup knows nothing of what was revoked, spent, changed or
 * retired after it was made. Every token family ends, every password gives way to one that nobody knows, and no signing key
 * is left: the next start makes a new one.
 * @param passwordHash of that password. @returns the names of the clients: each needs a new password
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
