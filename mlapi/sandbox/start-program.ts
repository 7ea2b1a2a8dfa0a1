import { spawn, type ChildProcess } from 'node:child_process';
import type { Duplex } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { launch, sendFilter, type Confinement } from './confinement.ts';
import { markExpendable } from './expendable.ts';
import { checkLimits } from './limits.ts';
import { loaderVariables } from './programs.ts';

interface Started {
  readonly confinement?: Confinement | undefined;
  /** Files and folders that it may read, besides what every program needs. */
  readonly files: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
}

export interface StartedProgram {
  readonly child: ChildProcess;
  /** The only channel to the program; `MessagePipe` reads it within bounds. */
  readonly pipe: Duplex;
}

/**
 * Starts a program in another process with lower priority. It inherits nothing: no environment variables, which may hold secrets, no
 * working directory but its scratch folder, no streams but the pipe. The output of a command can be read; that of a module is discarded.
 * @param program a module of the service, or a command: the absolute path of another program, and its arguments
 * @throws {Error} a limit that cannot be enforced, or a scratch folder that is missing
 */
export function startProgram(module: URL, started: Started): StartedProgram;
export function startProgram(
  command: readonly string[],
  started: Started & { readonly confinement: Confinement },
): StartedProgram;
export function startProgram(program: URL | readonly string[], { confinement, files, env }: Started): StartedProgram {
  if (confinement !== undefined) checkLimits(confinement);
  const isModule = program instanceof URL;
  const { execPath, execArgv, parentPid, hasOwnSession, filter } = launch(
    isModule ? { node: [fileURLToPath(program)] } : { command: program },
    confinement,
    files,
  );
  const parent = isModule ? [String(parentPid), ...(hasOwnSession ? ['own-session'] : [])] : [];
  const output = isModule ? 'ignore' : 'pipe';
  const hasStatus = !isModule && confinement?.isolation === 'namespaces';
  const child = spawn(execPath, [...execArgv, ...parent], {
    cwd: confinement?.scratch?.folder ?? '/',
    env: { ...env, ...(confinement !== undefined && isModule && loaderVariables) },
    // `pipeDescriptor`, then `filterDescriptor` and, for commands, `statusDescriptor`.
    stdio: [
      ...(['ignore', output, output, 'pipe'] as const),
      ...(filter === undefined ? (hasStatus ? (['ignore'] as const) : []) : (['pipe'] as const)),
      ...(hasStatus ? (['pipe'] as const) : []),
    ],
    // Then its processes can be ended together where there are no namespaces.
    detached: hasOwnSession && confinement?.isolation === 'limits',
  });
  sendFilter(child, filter);
  // Before it loads a model. Commands start with a lower priority.
  if (isModule && child.pid !== undefined) markExpendable(child.pid);
  return { child, pipe: child.stdio[3] as Duplex };
}
