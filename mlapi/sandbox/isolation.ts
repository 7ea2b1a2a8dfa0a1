import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { bubblewrap, launch, sendFilter, type Isolation, type Program } from './confinement.ts';
import { loaderVariables } from './programs.ts';

/** Enough for a program that loads no model, in bytes. */
const trialBytes = 1_073_741_824;

/**
 * Returns the strongest isolation that works here: some containers and service units forbid namespaces, and bubblewrap may be missing.
 * @param needed a module that must load inside the namespaces, or a command that must succeed there
 * @param files files and folders that a command reads
 */
export function findIsolation(needed: URL | readonly string[], files: readonly string[] = []): Promise<Isolation> {
  if (!existsSync(bubblewrap)) return Promise.resolve('limits');
  const program: Program =
    needed instanceof URL
      ? { node: ['--input-type=module', '--eval', `await import(${JSON.stringify(needed.href)})`] }
      : { command: needed };
  return new Promise((resolve) => {
    const confinement = { isolation: 'namespaces', memoryBytes: trialBytes } as const;
    const { execPath, execArgv, filter } = launch(program, confinement, files);
    const trial = spawn(execPath, execArgv, {
      env: loaderVariables,
      timeout: 30_000,
      // The last is for bubblewrap's report of a command; with 'ignore', another file could have this number.
      stdio: ['ignore', 'ignore', 'ignore', 'ignore', 'pipe', 'pipe'],
    });
    sendFilter(trial, filter);
    trial.once('error', () => resolve('limits'));
    trial.once('exit', (code) => resolve(code === 0 ? 'namespaces' : 'limits'));
  });
}
