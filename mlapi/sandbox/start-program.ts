import { spawn, type ChildProcess } from 'node:child_process';
import type { Duplex } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { launch, sendFilter, type Confinement } from './confinement.ts';
import { markExpendable } from './expendable.ts';
import { loaderVariables } from './programs.ts';

interface Started {
  readonly confinement?: Confinement | undefined;
  /** Files and folders that it may read, besides the service's programs. */
  readonly files: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
}

export interface StartedProgram {
  readonly child: ChildProcess;
  /** The only channel to the program; `MessagePipe` reads it within bounds. */
  readonly pipe: Duplex;
}

/**
 * Starts a module of the service in another process with lower priority. It inherits nothing: no environment variables, which may hold
 * secrets, no working directory, no streams but the pipe.
 */
export function startProgram(module: URL, { confinement, files, env }: Started): StartedProgram {
  const { execPath, execArgv, parentPid, hasOwnSession, filter } = launch(confinement, files);
  const words = [...execArgv, fileURLToPath(module), String(parentPid), ...(hasOwnSession ? ['own-session'] : [])];
  const child = spawn(execPath, words, {
    cwd: '/',
    env: { ...env, ...(confinement !== undefined && loaderVariables) },
    // `pipeDescriptor`, then `filterDescriptor`.
    stdio: ['ignore', 'ignore', 'ignore', 'pipe', ...(filter === undefined ? [] : (['pipe'] as const))],
  });
  sendFilter(child, filter);
  // Before it loads a model.
  if (child.pid !== undefined) markExpendable(child.pid);
  return { child, pipe: child.stdio[3] as Duplex };
}
