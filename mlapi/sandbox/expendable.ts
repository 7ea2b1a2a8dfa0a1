import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { constants, setPriority } from 'node:os';

/** Highest value: under memory pressure, the kernel kills these processes first. */
export const firstToEnd = '1000';

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
    for (const thread of threads) setPriority(thread, constants.priority.PRIORITY_BELOW_NORMAL);
  } catch {
    // A sandbox may forbid it; optional.
  }
}
