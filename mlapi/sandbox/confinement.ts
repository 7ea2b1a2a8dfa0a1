import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Writable } from 'node:stream';
import { firstToEnd } from './expendable.ts';
import { isSource, loader, loaderVariables, programsFolder } from './programs.ts';
import { systemCallFilter } from './system-calls.ts';

/** Limits of a process that runs an uploaded model. */
export interface Confinement {
  /** Maximum data segment in bytes: all memory that the process allocates, including thread stacks. */
  readonly memoryBytes: number;
  /** CPU time limit for the life of the process, in seconds; if unset, the caller stops it. */
  readonly cpuSeconds?: number;
  /** `namespaces`: the process sees none of this machine's files, network or processes. `limits`: resource limits only. */
  readonly isolation: Isolation;
}

/** Shell, bubblewrap, its first process and the program; when run from source, also the compiler of the loader. */
export const maxProcesses = 8;

export type Isolation = 'namespaces' | 'limits';

/** How to start a program of this service. */
export interface Launch {
  readonly execPath: string;
  readonly execArgv: readonly string[];
  /** Process id that the program sees as its parent's. */
  readonly parentPid: number;
  /** Whether the program runs in a session of its own. */
  readonly hasOwnSession: boolean;
  /** System call filter, which must be written to `filterDescriptor`. */
  readonly filter: Buffer | undefined;
}

/** After the standard streams and the message pipe. */
const filterDescriptor = 4;

/** Node 24 reserves 512 MB of code space per thread; we need far less. */
const noCompiler = '--jitless';
const bubblewrap = '/usr/bin/bwrap';
const shell = '/bin/sh';
/** Address space that Node and the runtime reserve or map from files: in Node 20, 640 MB of it is not data. */
const reservedBytes = 2_147_483_648;
/** Bounds kernel memory that is not counted for any process: a pipe may hold a megabyte. */
const maxDescriptors = 128;
/** Enough for a program that loads no model, in bytes. */
const trialBytes = 1_073_741_824;

/** Returns the command for starting a program. @param files files and folders it may read, besides the programs */
export function launch(confinement?: Confinement, files: readonly string[] = []): Launch {
  if (confinement === undefined)
    return {
      execPath: process.execPath,
      execArgv: loader,
      parentPid: process.pid,
      hasOwnSession: false,
      filter: undefined,
    };
  const isNamespaced = confinement.isolation === 'namespaces';
  const filter = isNamespaced ? systemCallFilter(isSource) : undefined;
  const words = [...(isNamespaced ? namespaces(files, filter) : []), process.execPath, noCompiler, ...loader];
  return {
    execPath: shell,
    execArgv: ['-c', `${markItself}; ${limits(confinement)}; exec "$@"`, shell, ...words],
    // In namespaces, the parent is the process that created them; the program ends with it.
    parentPid: isNamespaced ? 1 : process.pid,
    hasOwnSession: isNamespaced,
    filter,
  };
}

/** Writes the filter to bubblewrap. */
export function sendFilter(child: ChildProcess, filter: Buffer | undefined): void {
  const descriptor = child.stdio[filterDescriptor];
  // If the program exits before it has read the filter, its exit is reported elsewhere.
  if (descriptor instanceof Writable) descriptor.on('error', () => undefined).end(filter);
}

/** The shell marks itself before it starts anything: bubblewrap may fork before the service could mark it. */
const markItself = `{ echo ${firstToEnd} >/proc/self/oom_score_adj; } 2>/dev/null`;

/**
 * Shell commands that set resource limits: no core dumps, no file writes, few descriptors, memory and CPU time. Shared memory does not
 * count as data, so the address space is limited too; Node reserves more of that than it uses.
 */
function limits({ memoryBytes, cpuSeconds }: Confinement): string {
  const data = `ulimit -d ${Math.ceil(memoryBytes / 1_024)}`;
  const all = `ulimit -v ${Math.ceil((memoryBytes + reservedBytes) / 1_024)}`;
  const cpu = cpuSeconds === undefined ? '' : ` && ulimit -t ${Math.ceil(cpuSeconds)}`;
  return `ulimit -c 0 && ulimit -f 0 && ulimit -n ${maxDescriptors} && ${data} && ${all}${cpu} || exit 1`;
}

/** Own users, processes, network and file tree. The tree contains system programs, Node and these files, all read-only. */
function namespaces(files: readonly string[], filter: Buffer | undefined): string[] {
  const read = ['/usr', '/lib', '/lib64', process.execPath, programsFolder(), ...packageFiles(), ...files];
  return [
    bubblewrap,
    ...['--unshare-all', '--die-with-parent', '--new-session', '--cap-drop', 'ALL', '--chdir', '/'],
    ...['--proc', '/proc', '--dev', '/dev'],
    ...[...new Set(read)].filter((path) => existsSync(path)).flatMap((path) => ['--ro-bind', path, path]),
    // File names and links use memory too, so these mounts are read-only.
    ...['--remount-ro', '/dev', '--remount-ro', '/'],
    ...(filter === undefined ? [] : ['--seccomp', String(filterDescriptor)]),
    '--',
  ];
}

/** The packages, by their link and real path, and the files that define the module type of the programs. */
function packageFiles(): string[] {
  let root = programsFolder();
  while (!existsSync(join(root, 'node_modules')) && root !== dirname(root)) root = dirname(root);
  const modules = join(root, 'node_modules');
  return [modules, realpathSync(modules), join(root, 'package.json'), join(root, 'tsconfig.json')];
}

/**
 * Returns the strongest isolation that works here: some containers and service units forbid namespaces, and bubblewrap may be missing.
 * @param needed a module that must load inside the namespaces
 */
export function findIsolation(needed: URL): Promise<Isolation> {
  if (!existsSync(bubblewrap)) return Promise.resolve('limits');
  return new Promise((resolve) => {
    const memoryBytes = trialBytes;
    const { execPath, execArgv, filter } = launch({ isolation: 'namespaces', memoryBytes });
    const script = ['--input-type=module', '--eval', `await import(${JSON.stringify(needed.href)})`];
    const stdio = ['ignore', 'ignore', 'ignore', 'ignore', 'pipe'] as const;
    const trial = spawn(execPath, [...execArgv, ...script], {
      env: loaderVariables,
      timeout: 30_000,
      stdio: [...stdio],
    });
    sendFilter(trial, filter);
    trial.once('error', () => resolve('limits'));
    trial.once('exit', (code) => resolve(code === 0 ? 'namespaces' : 'limits'));
  });
}
