/**
 * Imported first by the programs of child processes. The parent marks them as expendable too, but with namespaces this may come too late:
 * the process it started runs the program in another process.
 */
import { lowerSession, markExpendable } from './expendable.ts';

const retryMs = 150;
const tries = 20;
/** Set by the parent. In a shared session, this would lower the priority of the parent's session. */
const hasOwnSession = process.argv[3] === 'own-session';

markExpendable(process.pid);
if (hasOwnSession) lower(tries);

function lower(triesLeft: number): void {
  if (lowerSession('self') && triesLeft > 1) setTimeout(() => lower(triesLeft - 1), retryMs).unref();
}
