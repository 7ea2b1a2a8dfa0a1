import { execFile } from 'node:child_process';
import { existsSync, realpathSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** What a process may have that computes with a stranger's model. */
export interface Confinement {
  /** Of data: what it allocates, its threads' stacks among it. */
  readonly memoryBytes: number;
  /** Of its whole life; without it, others stop it. */
  readonly cpuSeconds?: number;
  /** Whether it sees this machine's files, network and processes: `namespaces` shows it none of them. */
  readonly isolation: Isolation;
}

/** The shell that becomes the wall, the wall's first process, and the program; from source, also the compiler of its loader. */
export const mostProcesses = 8;

export type Isolation = 'namespaces' | 'limits';

/** How a program of this service is started. */
export interface Launch {
  readonly execPath: string;
  readonly execArgv: readonly string[];
  /** What the program finds as its parent's process id. */
  readonly parentPid: number;
  /** Whether it leaves the session of this process. */
  readonly hasOwnSession: boolean;
}

const require = createRequire(import.meta.url);
/** From sources, as this file is just now, Node needs its loader. */
export const isSource = import.meta.url.endsWith('.ts');
/** It would write down what it has translated. */
export const loaderVariables: NodeJS.ProcessEnv = isSource ? { TSX_DISABLE_CACHE: '1' } : {};
/** Node 24 sets half a gigabyte aside for the code that it compiles, for each thread. Here is nothing that is worth it. */
const noCompiler = '--jitless';
const loader = isSource ? ['--import', require.resolve('tsx')] : [];
/** Where the programs lie, and what they import. */
const programs = fileURLToPath(new URL('..', import.meta.url));
const bubblewrap = '/usr/bin/bwrap';
const shell = '/bin/sh';

/** @param files what it may read beside the programs */
export function launch(confinement?: Confinement, files: readonly string[] = []): Launch {
  if (confinement === undefined)
    return { execPath: process.execPath, execArgv: loader, parentPid: process.pid, hasOwnSession: false };
  const isNamespaced = confinement.isolation === 'namespaces';
  const words = [...(isNamespaced ? namespaces(files) : []), process.execPath, noCompiler, ...loader];
  return {
    execPath: shell,
    execArgv: ['-c', `${limits(confinement)}; exec "$@"`, shell, ...words],
    // Behind the wall it is the child of the process that built the wall, and ends with it.
    parentPid: isNamespaced ? 1 : process.pid,
    hasOwnSession: isNamespaced,
  };
}

/** What a shell says to the kernel: no core, no file written, so much memory and processor. */
function limits({ memoryBytes, cpuSeconds }: Confinement): string {
  const data = `ulimit -d ${Math.ceil(memoryBytes / 1_024)}`;
  const cpu = cpuSeconds === undefined ? '' : ` && ulimit -t ${Math.ceil(cpuSeconds)}`;
  return `ulimit -c 0 && ulimit -f 0 && ${data}${cpu} || exit 1`;
}

/** Its own users, processes, network and file tree: the system's programs, Node and these are all that is in it, and nothing can be written. */
function namespaces(files: readonly string[]): string[] {
  const read = ['/usr', '/lib', '/lib64', process.execPath, programs, ...packageFiles(), ...files];
  return [
    bubblewrap,
    ...['--unshare-all', '--die-with-parent', '--new-session', '--cap-drop', 'ALL', '--chdir', '/'],
    ...['--proc', '/proc', '--dev', '/dev'],
    ...[...new Set(read)].filter((path) => existsSync(path)).flatMap((path) => ['--ro-bind', path, path]),
    ...['--remount-ro', '/'],
    '--',
  ];
}

/** The packages, where Node looks for them and where they really are, and the file that says of what kind the programs are. */
function packageFiles(): string[] {
  let root = programs;
  while (!existsSync(join(root, 'node_modules')) && root !== dirname(root)) root = dirname(root);
  const modules = join(root, 'node_modules');
  return [modules, realpathSync(modules), join(root, 'package.json'), join(root, 'tsconfig.json')];
}

/** What this machine allows: some containers and service units forbid namespaces, and some have no bubblewrap. */
export function findIsolation(): Promise<Isolation> {
  const [program = '', ...words] = namespaces([]);
  if (!existsSync(program)) return Promise.resolve('limits');
  return new Promise((resolve) => {
    // Not Node alone: behind the wall it must find all that it needs to compute.
    const wrapper = new URL(`./model-wrapper.${isSource ? 'ts' : 'js'}`, import.meta.url);
    const script = ['--input-type=module', '--eval', `await import(${JSON.stringify(wrapper.href)})`];
    const options = { env: loaderVariables, timeout: 30_000 };
    execFile(program, [...words, process.execPath, noCompiler, ...loader, ...script], options, (error) =>
      resolve(error === null ? 'namespaces' : 'limits'),
    );
  });
}
