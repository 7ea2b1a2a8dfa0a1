import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { temporaryFolder } from './service.ts';

export const projectRoot = process.cwd();

const tsc = join(projectRoot, 'node_modules/typescript/bin/tsc');
const waitLimitMs = 120_000;
let programs: string | undefined;

/**
 * Compiles the project by a configuration that says what, so that it runs in this folder as it is shipped.
 * @param root another checkout, with its packages
 * @returns the folder
 */
export function compileProject(folder: string, configuration = 'tsconfig.build.json', root = projectRoot): string {
  execFileSync(process.execPath, [tsc, '-p', configuration, '--outDir', join(folder, 'build')], { cwd: root });
  cpSync(join(root, 'package.json'), join(folder, 'package.json'));
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  return folder;
}

/** A file of the project, or a program of the tests, compiled: that starts in a third of the time that it takes from source. */
export function compiledPath(path: string): string {
  programs ??= compilePrograms();
  return join(programs, 'build', path.replace(/\.ts$/, '.js'));
}

/** Once for all the processes of a run of the tests, by whoever needs it first; the others wait. */
function compilePrograms(): string {
  const configuration = 'test/support/tsconfig.programs.json';
  if (process.env.JEST_WORKER_ID === undefined) return compileProject(temporaryFolder(), configuration);
  const folder = join(tmpdir(), 'programs');
  const doneFile = join(folder, 'done');
  if (mkdirSync(folder, { recursive: true }) !== undefined) {
    compileProject(folder, configuration);
    writeFileSync(doneFile, '');
  }
  for (const endAt = performance.now() + waitLimitMs; !existsSync(doneFile);) {
    if (performance.now() > endAt) throw new Error('the programs of the tests were not compiled');
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50);
  }
  return folder;
}
