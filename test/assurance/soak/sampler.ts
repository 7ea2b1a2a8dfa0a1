import { readdirSync, readFileSync, statSync } from 'node:fs';
import { processTree } from '../../support/process-tree.ts';

/** The resources of one process. */
export interface ProcessSample {
  readonly pid: number;
  readonly rssMb: number;
  readonly fds: number;
  readonly threads: number;
}

/** An interval of the run, with the latencies of requests that ended in it. */
export interface Sample {
  readonly atSeconds: number;
  readonly processes: readonly ProcessSample[];
  readonly logBytes: number;
  readonly good: number;
  readonly hostile: number;
  readonly goodP50Ms: number;
  readonly goodP99Ms: number;
  readonly livenessP99Ms: number;
}

/** The current processes of the service: supervisor first, then workers. */
export function sampleProcesses(pid: number): ProcessSample[] {
  return processTree(pid).flatMap((member) => {
    try {
      const status = readFileSync(`/proc/${member}/status`, 'latin1');
      const field = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)?.[1]);
      const fds = readdirSync(`/proc/${member}/fd`).length;
      return [{ pid: member, rssMb: field('VmRSS') / 1_024, fds, threads: field('Threads') }];
    } catch {
      // It has just ended.
      return [];
    }
  });
}

export function sizeOf(path: string): number {
  return statSync(path).size;
}

/** @param share 0.5 for the median */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((one, other) => one - other);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
}
