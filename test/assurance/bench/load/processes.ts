import { readFileSync } from 'node:fs';
import type { ProcessFigures } from './types.ts';

/** USER_HZ, the unit of /proc: the same on every Linux that runs Node. */
const ticksPerSecond = 100;

/** CPU time since the start of a process, and its current memory. */
export function processFigures(pid: number): ProcessFigures {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  // The program's name is in parentheses, and may contain any character; the fields after it count from 3.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [user, system] = [Number(fields[11]), Number(fields[12])];
  const rss = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1];
  return { pid, cpuSeconds: (user + system) / ticksPerSecond, rssMib: Number(rss) / 1_024 };
}
