import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Writable } from 'node:stream';
import { isSource, loader, loaderVariables, programsFolder } from './programs.ts';
import { systemCallFilter } from './system-calls.ts';

/** Limits of a process that computes with an uploaded model. */
export interface Confinement {
  /** Maximum data segment, in bytes: all that the process allocates, including its threads' stacks. */
  readonly memoryBytes: number;
  /** Processor time for its whole life, in seconds; unset, the caller stops it. */
  readonly cpuSeconds?: number;
  /** Whether it sees this machine's files, network and processes: `namespaces` shows it none of them. */
  readonly isolation: Isolation;
}

/** The shell that becomes the wall, the wall's first process, and the program; from source, also the compiler of its loader. */
export const maxProcesses = 8;

export type Isolation = 'namespaces' | 'limits';

/** How a program of this service is started. */
export interface Launch {
  readonly execPath: string;
  readonly execArgv: readonly string[];
  /** Process id that the program sees as its parent's. */
  readonly parentPid: number;
  /** Whether it leaves the session of this process. */
  readonly hasOwnSession: boolean;
  /** Filter of system calls, written to `filterDescriptor`, which the program is started with. */
  readonly filter: Buffer | undefined;
}

/** Behind standard streams and the channel of messages. */
const filterDescriptor = 4;

/** Node 24 sets half a gigabyte aside for the code that it compiles, for each thread. Here is nothing that is worth it. */
const noCompiler = '--jitless';
const bubblewrap = '/usr/bin/bwrap';
const shell = '/bin/sh';
/** Address space that Node and the runtime set aside or map from files: 640 MB of Node 20's are not data. */
const reservedBytes = 2_147_483_648;
/** Each may hold memory of the kernel's that is nobody's: a pipe a megabyte. */
const maxDescriptors = 128;
/** Enough for a program that loads no model. */
const trialBytes = 1_073_741_824;

/** @param files what it may read beside the programs */
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
    execArgv: ['-c', `${limits(confinement)}; exec "$@"`, shell, ...words],
    // Behind the wall it is the child of the process that built the wall, and ends with it.
    parentPid: isNamespaced ? 1 : process.pid,
    hasOwnSession: isNamespaced,
    filter,
  };
}

/** Hands the filter to the program that builds the wall. */
export function sendFilter(child: ChildProcess, filter: Buffer | undefined): void {
  const descriptor = child.stdio[filterDescriptor];
  // Where the program ends before it has read it, that is told otherwise.
  if (descriptor instanceof Writable) descriptor.on('error', () => undefined).end(filter);
}

/**
 * What a shell says to the kernel: no core, no file written, few descriptors, so much memory and processor. Shared memory is no data:
 * only the whole address space bounds it, and Node sets more of that aside than it takes.
 */
function limits({ memoryBytes, cpuSeconds }: Confinement): string {
  const data = `ulimit -d ${Math.ceil(memoryBytes / 1_024)}`;
  const all = `ulimit -v ${Math.ceil((memoryBytes + reservedBytes) / 1_024)}`;
  const cpu = cpuSeconds === undefined ? '' : ` && ulimit -t ${Math.ceil(cpuSeconds)}`;
  return `ulimit -c 0 && ulimit -f 0 && ulimit -n ${maxDescriptors} && ${data} && ${all}${cpu} || exit 1`;
}

/** Its own users, processes, network and file tree: the system's programs, Node and these are all that is in it, and nothing can be written. */
function namespaces(files: readonly string[], filter: Buffer | undefined): string[] {
  const read = ['/usr', '/lib', '/lib64', process.execPath, programsFolder(), ...packageFiles(), ...files];
  return [
    bubblewrap,
    ...['--unshare-all', '--die-with-parent', '--new-session', '--cap-drop', 'ALL', '--chdir', '/'],
    ...['--proc', '/proc', '--dev', '/dev'],
    ...[...new Set(read)].filter((path) => existsSync(path)).flatMap((path) => ['--ro-bind', path, path]),
    // Names and links take memory, too.
    ...['--remount-ro', '/dev', '--remount-ro', '/'],
    ...(filter === undefined ? [] : ['--seccomp', String(filterDescriptor)]),
    '--',
  ];
}

/** The packages, where Node looks for them and where they really are, and the file that says of what kind the programs are. */
function packageFiles(): string[] {
  let root = programsFolder();
  while (!existsSync(join(root, 'node_modules')) && root !== dirname(root)) root = dirname(root);
  const modules = join(root, 'node_modules');
  return [modules, realpathSync(modules), join(root, 'package.json'), join(root, 'tsconfig.json')];
}

/**
 * Returns what this machine allows: some containers and service units forbid namespaces, and some have no bubblewrap.
 * @param needed a module that must load behind the wall
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
