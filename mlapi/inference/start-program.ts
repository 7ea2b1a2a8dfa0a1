import { fork, type ChildProcess } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { constants, setPriority } from 'node:os';
import { fileURLToPath } from 'node:url';
import { isSource, launch, loaderVariables, type Confinement } from './confinement.ts';

interface Started {
  readonly confinement?: Confinement | undefined;
  /** What it may read beside the service's programs. */
  readonly files: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
}

/**
 * Starts a program of this folder in a process of its own, which gives way to this one. It gets nothing of this process: no variables,
 * which may hold secrets, no folder, no streams.
 */
export function startProgram(name: string, { confinement, files, env }: Started): ChildProcess {
  const { execPath, execArgv, parentPid, hasOwnSession } = launch(confinement, files);
  const program = fileURLToPath(new URL(`./${name}.${isSource ? 'ts' : 'js'}`, import.meta.url));
  const child = fork(program, [String(parentPid), ...(hasOwnSession ? ['own-session'] : [])], {
    execPath,
    cwd: '/',
    env: { ...env, ...(confinement !== undefined && loaderVariables) },
    execArgv: [...execArgv],
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  });
  lowerPriority(child.pid);
  return child;
}

/**
 * Where processors are scarce, the process that answers requests comes first. On Linux this is each thread's own, and passed on to
 * those that it begins: it is done as soon as there is a process, before the model is loaded.
 */
function lowerPriority(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    const folder = `/proc/${pid}/task`;
    const threads = existsSync(folder) ? readdirSync(folder).map(Number) : [pid];
    for (const thread of threads) setPriority(thread, constants.priority.PRIORITY_BELOW_NORMAL);
  } catch {
    // A sandbox may forbid it; it works without.
  }
}
