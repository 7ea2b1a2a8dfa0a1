import { readFileSync } from 'node:fs';
import type { ProcessFigures } from './types.ts';

/** USER_HZ: the unit of /proc, the same on every Linux that Node runs on. */
const ticksPerSecond = 100;

/** What a process has used since it began, and holds now. */
export function processFigures(pid: number): ProcessFigures {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  // The name of the program stands in parentheses, and may hold anything; after it, the fields count from 3.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [user, system] = [Number(fields[11]), Number(fields[12])];
  const rss = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1];
  return { pid, cpuSeconds: (user + system) / ticksPerSecond, rssMib: Number(rss) / 1_024 };
}
