import { spawn, type ChildProcess } from 'node:child_process';
import type { Duplex } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { launch, sendFilter, type Confinement } from './confinement.ts';
import { markExpendable } from './expendable.ts';
import { loaderVariables } from './programs.ts';

interface Started {
  readonly confinement?: Confinement | undefined;
  /** Files and folders that it may read besides the service's programs. */
  readonly files: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
}

export interface StartedProgram {
  readonly child: ChildProcess;
  /** The one way between the two: `MessagePipe` reads it within bounds, as Node's own channel does not. */
  readonly pipe: Duplex;
}

/**
 * Starts a module of the service in a process of its own, at a lower priority than this one. It gets nothing of this process: no variables,
 * which may hold secrets, no folder, no streams but the pipe.
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
  // As soon as there is a process, before a model is loaded.
  if (child.pid !== undefined) markExpendable(child.pid);
  return { child, pipe: child.stdio[3] as Duplex };
}
