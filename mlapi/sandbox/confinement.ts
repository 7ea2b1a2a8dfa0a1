import type { ChildProcess } from 'node:child_process';
import { existsSync, readdirSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Writable } from 'node:stream';
import { lowered } from './expendable.ts';
import { limitScript, type Limits, type Scratch } from './limits.ts';
import { isSource, loader, programsFolder } from './programs.ts';
import { systemCallFilter } from './system-calls.ts';

/** Limits of a process, and its isolation from everything else. */
export interface Confinement extends Limits {
  readonly isolation: Isolation;
}

/**
 * `namespaces`: the process sees none of this machine's files, network or processes. `limits`: resource limits only; it can read, write
 * and reach whatever the service's user can.
 */
export type Isolation = 'namespaces' | 'limits';

/** A script for this service's Node with its arguments, or the absolute path of another program with its arguments. */
export type Program = { readonly node: readonly string[] } | { readonly command: readonly string[] };

/** Shell, bubblewrap, its first process and the program; when run from source, also the compiler of the loader. */
export const maxModelProcesses = 8;

/** How to start a program. */
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
/** Where bubblewrap reports a command's first process and exit code. */
export const statusDescriptor = 5;

/** Node 24 reserves 512 MB of code space per thread; we need far less. */
const noCompiler = '--jitless';
export const bubblewrap = '/usr/bin/bwrap';
const shell = '/bin/sh';
/** Limit of threads, which count as processes: numerical libraries start one per core. */
const tasksPerProcess = 128;

/** Returns the command for starting a program. @param files files and folders it may read, besides what every program needs */
export function launch(program: Program, confinement?: Confinement, files: readonly string[] = []): Launch {
  const words = 'node' in program ? [process.execPath, ...loader, ...program.node] : program.command;
  if (confinement === undefined)
    return {
      execPath: words[0]!,
      execArgv: words.slice(1),
      parentPid: process.pid,
      hasOwnSession: false,
      filter: undefined,
    };
  const isNamespaced = confinement.isolation === 'namespaces';
  const isNode = 'node' in program;
  const { processes = 1, scratch } = confinement;
  const startsProcesses = isNode ? isSource : processes > 1;
  const filter = isNamespaced ? systemCallFilter({ startsProcesses, writesFiles: scratch !== undefined }) : undefined;
  const wall = isNamespaced ? namespaces({ program, files, filter, scratch }) : [];
  const confined = isNode
    ? [...wall, process.execPath, noCompiler, ...loader, ...program.node]
    : confineCommand(program.command, wall, processes);
  return {
    execPath: shell,
    execArgv: ['-c', limitScript(confinement, !isNode), shell, ...confined],
    // In namespaces, the parent is the process that created them; the program ends with it.
    parentPid: isNamespaced ? 1 : process.pid,
    hasOwnSession: isNamespaced || !isNode,
    filter,
  };
}

/**
 * Programs of this service lower their own priority, and end when their parent does. For others this is done before they start, and in
 * namespaces the number of their threads is bounded: outside, those of all processes of the user would count.
 */
function confineCommand(command: readonly string[], wall: readonly string[], processes: number): string[] {
  const lower = ifInstalled('/usr/bin/nice', '-n', String(lowered));
  if (wall.length === 0) return [...lower, ...ifInstalled('/usr/bin/setpriv', '--pdeathsig', 'KILL', '--'), ...command];
  const bound = ifInstalled('/usr/bin/prlimit', `--nproc=${processes * tasksPerProcess}`, '--');
  return [...lower, ...wall, ...bound, ...command];
}

function ifInstalled(path: string, ...words: readonly string[]): string[] {
  return existsSync(path) ? [path, ...words] : [];
}

/** Writes the filter to bubblewrap. */
export function sendFilter(child: ChildProcess, filter: Buffer | undefined): void {
  const descriptor = child.stdio[filterDescriptor];
  // If the program exits before it has read the filter, its exit is reported elsewhere.
  if (descriptor instanceof Writable) descriptor.on('error', () => undefined).end(filter);
}

/** Not all of `/usr`: people keep services and their data there, too, such as in `/usr/src/app`. */
const systemFolders = ['bin', 'lib', 'lib32', 'lib64', 'libexec', 'share', 'local/bin', 'local/lib'].map(
  (name) => `/usr/${name}`,
);

interface Enclosed {
  readonly program: Program;
  readonly files: readonly string[];
  readonly filter: Buffer | undefined;
  readonly scratch: Scratch | undefined;
}

/**
 * Own users, processes, network and file tree. The tree contains system programs, what the program needs and these files, all read-only.
 * The scratch folder, if there is one, is writable.
 */
function namespaces({ program, files, filter, scratch }: Enclosed): string[] {
  const isNode = 'node' in program;
  const own = isNode ? [process.execPath, programsFolder(), ...packageFiles()] : ['/bin', '/etc/alternatives'];
  const read = [...systemFolders, '/lib', '/lib64', ...own, ...files];
  const mounts = [...new Set(read)].filter((path) => existsSync(path)).map((path) => ['--ro-bind', path, path]);
  if (scratch !== undefined) {
    mounts.push(['--bind', scratch.folder, scratch.folder]);
    // A folder before those in it: a later mount would hide them.
    mounts.sort(([, one], [, other]) => (one! < other! ? -1 : 1));
  }
  return [
    bubblewrap,
    ...['--unshare-all', '--die-with-parent', '--new-session', '--cap-drop', 'ALL'],
    ...['--chdir', scratch?.folder ?? '/'],
    ...['--proc', '/proc', '--dev', '/dev'],
    ...mounts.flat(),
    // File names and links use memory too, so these mounts are read-only.
    ...['--remount-ro', '/dev', '--remount-ro', '/'],
    // If the service runs as root, the kernel's files are writable: with `/proc/sys/kernel/core_pattern`, for example, a process could
    // leave the namespaces. A model's process needs the rest of `/proc` to lower its own priority.
    ...(isNode ? kernelFiles().flatMap((path) => ['--ro-bind-try', path, path]) : ['--remount-ro', '/proc']),
    ...(filter === undefined ? [] : ['--seccomp', String(filterDescriptor)]),
    ...(isNode ? [] : ['--json-status-fd', String(statusDescriptor)]),
    '--',
  ];
}

let knownKernelFiles: readonly string[] | undefined;

/** Everything in `/proc` that is not of a process. Links, such as `/proc/mounts`, lead to a process. */
function kernelFiles(): readonly string[] {
  return (knownKernelFiles ??= readdirSync('/proc', { withFileTypes: true })
    .filter((entry) => !/^\d+$/.test(entry.name) && !entry.isSymbolicLink())
    .map(({ name }) => `/proc/${name}`));
}

/** The packages, by their link and real path, and the files that define the module type of the programs. */
function packageFiles(): string[] {
  let root = programsFolder();
  while (!existsSync(join(root, 'node_modules')) && root !== dirname(root)) root = dirname(root);
  const modules = join(root, 'node_modules');
  return [modules, realpathSync(modules), join(root, 'package.json'), join(root, 'tsconfig.json')];
}
