/*
 * Imported before all else by the programs of child processes. Their parent marks them as expendable, too, but behind a wall of
 * namespaces it may come too late: what it started begins the program in another process.
 */
import { writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { markExpendable } from './expendable.ts';

const priority = constants.priority.PRIORITY_BELOW_NORMAL;
/** An unprivileged process may do this ten times a second, on the whole machine. */
const retryMs = 150;
const tries = 20;
/** Said by who started it: in another's session, it would lower that one. */
const hasOwnSession = process.argv[3] === 'own-session';

markExpendable(process.pid);
if (hasOwnSession) lowerSession(tries);

/** Between sessions, Linux heeds no process's priority, but that of each session as a whole. */
function lowerSession(triesLeft: number): void {
  try {
    writeFileSync('/proc/self/autogroup', String(priority));
  } catch (error) {
    const isTooSoon = (error as NodeJS.ErrnoException).code === 'EAGAIN';
    if (isTooSoon && triesLeft > 1) setTimeout(() => lowerSession(triesLeft - 1), retryMs).unref();
  }
}
