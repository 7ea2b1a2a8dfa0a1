/**
 * Imported first by the programs of child processes. The parent marks them as expendable too, but with namespaces this may come too late:
 * the process it started runs the program in another process.
 */
import { writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { markExpendable } from './expendable.ts';

const priority = constants.priority.PRIORITY_BELOW_NORMAL;
/** Linux allows unprivileged processes only ten changes per second, on the whole machine. */
const retryMs = 150;
const tries = 20;
/** Set by the parent. In a shared session, this would lower the priority of the parent's session. */
const hasOwnSession = process.argv[3] === 'own-session';

markExpendable(process.pid);
if (hasOwnSession) lowerSession(tries);

/** Linux schedules sessions against each other by the session's own priority, not by that of its processes (autogroup, sched(7)). */
function lowerSession(triesLeft: number): void {
  try {
    writeFileSync('/proc/self/autogroup', String(priority));
  } catch (error) {
    const isTooSoon = (error as NodeJS.ErrnoException).code === 'EAGAIN';
    if (isTooSoon && triesLeft > 1) setTimeout(() => lowerSession(triesLeft - 1), retryMs).unref();
  }
}
