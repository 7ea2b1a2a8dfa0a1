import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { constants, setPriority } from 'node:os';

/** The highest: where memory runs out, the kernel ends these processes before any other. */
const firstToEnd = '1000';

/**
 * Marks a process of models as expendable: it gives way to the process that answers requests where processors are scarce, and the
 * kernel ends it first where memory is. On Linux a priority is each thread's own; threads and children inherit both.
 */
export function markExpendable(pid: number): void {
  try {
    writeFileSync(`/proc/${pid}/oom_score_adj`, firstToEnd);
  } catch {
    // Other systems have no such file, and a sandbox may forbid it; it works without.
  }
  try {
    const folder = `/proc/${pid}/task`;
    const threads = existsSync(folder) ? readdirSync(folder).map(Number) : [pid];
    for (const thread of threads) setPriority(thread, constants.priority.PRIORITY_BELOW_NORMAL);
  } catch {
    // A sandbox may forbid it; it works without.
  }
}
