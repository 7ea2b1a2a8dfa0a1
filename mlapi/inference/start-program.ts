import { fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { isSource, launch, loaderVariables, type Confinement } from './confinement.ts';
import { markExpendable } from './expendable.ts';

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
  // As soon as there is a process, before a model is loaded.
  if (child.pid !== undefined) markExpendable(child.pid);
  return child;
}
