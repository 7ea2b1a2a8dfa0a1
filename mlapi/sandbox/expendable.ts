import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { constants, setPriority } from 'node:os';

/** Highest value: under memory pressure, the kernel kills these processes first. */
export const firstToEnd = '1000';
/** Nice value of processes that are less urgent than those that answer requests. */
export const lowered = constants.priority.PRIORITY_BELOW_NORMAL;

/**
 * Marks a model process as expendable: lower CPU priority than the process that answers requests, and first to be killed when memory runs
 * out. On Linux the priority is per thread; new threads and children inherit it.
 */
export function markExpendable(pid: number): void {
  try {
    writeFileSync(`/proc/${pid}/oom_score_adj`, firstToEnd);
  } catch {
    // Missing on other systems, and a sandbox may forbid it; optional.
  }
  try {
    const folder = `/proc/${pid}/task`;
    const threads = existsSync(folder) ? readdirSync(folder).map(Number) : [pid];
    for (const thread of threads) setPriority(thread, lowered);
  } catch {
    // A sandbox may forbid it; optional.
  }
}

/** Lowers the priority of a process's session. @returns whether to try again later */
export function lowerSession(pid: number | 'self'): boolean {
  return setSession(pid, lowered);
}

/** Gives a session that was killed its priority back, so that its processes end at once, and free their memory. */
export function hurrySession(pid: number): void {
  setSession(pid, constants.priority.PRIORITY_NORMAL);
}

/**
 * Linux schedules sessions against each other by the session's own priority, not by that of its processes (autogroup, sched(7)). Optional:
 * a system may lack it.
 * @returns whether to try again: Linux allows unprivileged processes only ten changes per second, on the whole machine
 */
function setSession(pid: number | 'self', priority: number): boolean {
  try {
    writeFileSync(`/proc/${pid}/autogroup`, String(priority));
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EAGAIN';
  }
}
