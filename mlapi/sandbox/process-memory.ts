import { readdirSync, readFileSync } from 'node:fs';

/** Larger process trees exceed every limit anyway. */
const maxTreeProcesses = 64;
/** Private memory in RAM and swap, in kB. File pages of programs and libraries are shared and not counted. */
const ownPages = /^(?:RssAnon|RssShmem|VmSwap):\s+(\d+) kB$/gm;

export interface TreeMemory {
  /** Private and shared memory without file pages, in bytes. */
  readonly bytes: number;
  readonly pids: readonly number[];
}

/** Returns the memory of a process and its descendants, as Linux counts it; undefined on other systems or if the process has exited. */
export function readTreeMemory(pid: number): TreeMemory | undefined {
  const pids = [pid];
  let bytes = 0;
  let isThere = false;
  for (const one of pids) {
    const status = read(`/proc/${one}/status`);
    if (status === undefined) continue;
    isThere = true;
    for (const [, kilobytes] of status.matchAll(ownPages)) bytes += Number(kilobytes) * 1_024;
    if (pids.length < maxTreeProcesses) pids.push(...childrenOf(one));
  }
  return isThere ? { bytes, pids } : undefined;
}

/** Children are listed per thread. */
function childrenOf(pid: number): number[] {
  let threads: string[];
  try {
    threads = readdirSync(`/proc/${pid}/task`);
  } catch {
    return [];
  }
  return threads.flatMap((thread) =>
    (read(`/proc/${pid}/task/${thread}/children`) ?? '').split(' ').filter(Boolean).map(Number),
  );
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return undefined;
  }
}
