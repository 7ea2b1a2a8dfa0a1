import { readFileSync, readdirSync } from 'node:fs';

/** The processor time of all threads of these processes, in milliseconds: what they waited for others is not in it. */
export function processorTime(pids: readonly number[]): number {
  const nanoseconds = pids.flatMap((pid) =>
    readdirSync(`/proc/${pid}/task`).map((thread) =>
      Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'latin1').split(' ')[0]),
    ),
  );
  return nanoseconds.reduce((sum, one) => sum + one, 0) / 1e6;
}
