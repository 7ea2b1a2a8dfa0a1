import { lstatSync } from 'node:fs';
import { isAbsolute } from 'node:path';
import { firstToEnd } from './expendable.ts';

/** Resource limits of a confined process. Those that are optional are off or zero for models and contracts. */
export interface Limits {
  /** Maximum data segment in bytes: all memory that the process allocates, including thread stacks. */
  readonly memoryBytes: number;
  /** CPU time limit for the life of the process, in seconds; if unset, the caller stops it. Each process that it starts has its own. */
  readonly cpuSeconds?: number;
  /** Processes that a program other than Node may have at the same time, itself included: 1 (default) to 60. */
  readonly processes?: number;
  /** If unset, the process can write no file. */
  readonly scratch?: Scratch;
}

/**
 * The only folder in which a confined process may create and change files; also its working directory. It must lie in a folder that only
 * the service's user may enter: a program can set any mode bits on its files, setuid included.
 */
export interface Scratch {
  /** Absolute path of a folder that exists; not a link. */
  readonly folder: string;
  /** Limit of what all files use on disk, and of each file's size, in bytes. */
  readonly bytes: number;
  /** Limit of the number of files, folders and links. */
  readonly files: number;
  /** The program is ended when its disk has less free space, in bytes, whoever used it. Default: 1 GiB. */
  readonly reserveBytes?: number;
}

/** Address space that Node and the runtime reserve or map from files: in Node 20, 640 MB of it is not data. */
const reservedBytes = 2_147_483_648;
/** Bounds kernel memory that is not counted for any process: a pipe may hold a megabyte. */
const maxDescriptors = 128;
/** The tree of a process is measured up to 64 processes, and bubblewrap is two of them. */
const maxProgramProcesses = 60;
/** Unit of `ulimit -f`, in bytes. */
const fileUnit = 512;

/** The shell marks itself before it starts anything: bubblewrap may fork before the service could mark it. */
const markItself = `{ echo ${firstToEnd} >/proc/self/oom_score_adj; } 2>/dev/null`;

/**
 * Returns the shell script that sets the limits of its process and executes its arguments: no core dumps, no file writes beyond the
 * scratch folder's limit, few descriptors, memory and CPU time. Shared memory does not count as data, so the address space is limited too;
 * Node reserves more of that than it uses.
 * @param warns whether SIGXCPU comes a second before the end, so that the reason is known
 */
export function limitScript({ memoryBytes, cpuSeconds, scratch }: Limits, warns: boolean): string {
  const files = scratch === undefined ? 0 : Math.ceil(scratch.bytes / fileUnit);
  const data = `ulimit -d ${Math.ceil(memoryBytes / 1_024)}`;
  const all = `ulimit -v ${Math.ceil((memoryBytes + reservedBytes) / 1_024)}`;
  const set = `ulimit -c 0 && ulimit -f ${files} && ulimit -n ${maxDescriptors} && ${data} && ${all}`;
  return `${markItself}; ${set}${cpuLimit(cpuSeconds, warns)} || exit 1; exec "$@"`;
}

function cpuLimit(cpuSeconds: number | undefined, warns: boolean): string {
  if (cpuSeconds === undefined) return '';
  const seconds = Math.ceil(cpuSeconds);
  return warns ? ` && ulimit -S -t ${seconds} && ulimit -H -t ${seconds + 1}` : ` && ulimit -t ${seconds}`;
}

/** @throws {RangeError} a limit that cannot be enforced @throws {Error} the scratch folder is missing, or a link */
export function checkLimits({ processes = 1, scratch }: Limits): void {
  if (!Number.isInteger(processes) || processes < 1 || processes > maxProgramProcesses)
    throw new RangeError(`a program may have 1 to ${maxProgramProcesses} processes, not ${processes}`);
  if (scratch === undefined) return;
  if (!(scratch.bytes > 0) || !(scratch.files > 0)) throw new RangeError('a scratch folder needs room for a file');
  if (!isAbsolute(scratch.folder) || !lstatSync(scratch.folder).isDirectory())
    throw new Error(`the scratch folder must be the absolute path of a folder: ${scratch.folder}`);
}
