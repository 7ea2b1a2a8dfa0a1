import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { temporaryFolder } from './service.ts';

export const projectRoot = process.cwd();

const esbuild = join(projectRoot, 'node_modules/esbuild/bin/esbuild');
const tsc = join(projectRoot, 'node_modules/typescript/bin/tsc');
const waitLimitMs = 120_000;
let programs: string | undefined;

/**
 * Compiles the project into a folder, where it runs as shipped. Types are not checked: lint does that.
 * @param configuration the tsconfig that names the files
 * @param root another checkout, with its packages
 * @returns the folder
 */
export function compileProject(folder: string, configuration = 'tsconfig.build.json', root = projectRoot): string {
  const words = ['-p', configuration, '--noCheck', '--outDir', join(folder, 'build')];
  execFileSync(process.execPath, [tsc, ...words], { cwd: root });
  return addPackages(folder, root);
}

/** @returns the compiled version of a file, which starts in a third of the time of its source */
export function compiledPath(path: string): string {
  programs ??= compilePrograms();
  return join(programs, 'build', path.replace(/\.ts$/, '.js'));
}

/** Compiles once per test run: the first process that needs it compiles, the others wait. */
function compilePrograms(): string {
  if (process.env.JEST_WORKER_ID === undefined) return translateProject(temporaryFolder());
  const folder = join(tmpdir(), 'programs');
  const doneFile = join(folder, 'done');
  if (mkdirSync(folder, { recursive: true }) !== undefined) {
    translateProject(folder);
    writeFileSync(doneFile, '');
  }
  for (const endAt = performance.now() + waitLimitMs; !existsSync(doneFile);) {
    if (performance.now() > endAt) throw new Error('the programs of the tests were not compiled');
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50);
  }
  return folder;
}

/** Compiles the service and the test programs in about a second: types are stripped, not checked. @returns the folder */
function translateProject(folder: string): string {
  const sources = ['mlapi', 'test']
    .flatMap((root) => readdirSync(root, { recursive: true, encoding: 'utf8' }).map((name) => join(root, name)))
    .filter((path) => path.endsWith('.ts') && !path.endsWith('.test.ts'));
  const build = join(folder, 'build');
  const options = ['--outbase=.', `--outdir=${build}`, '--format=esm', '--platform=node', '--target=node20'];
  // As a separate process: esbuild's library would stay running as a child of a process whose children tests count.
  execFileSync(process.execPath, [esbuild, 'application.ts', ...sources, ...options, '--log-level=error'], {
    cwd: projectRoot,
  });
  for (const name of readdirSync(build, { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.js'))) {
    const path = join(build, name);
    const text = readFileSync(path, 'utf8');
    writeFileSync(path, text.replace(/(\b(?:from|import)\s*\(?\s*"\.[^"\n]*\.)ts"/g, '$1js"'));
  }
  return addPackages(folder, projectRoot);
}

function addPackages(folder: string, root: string): string {
  cpSync(join(root, 'package.json'), join(folder, 'package.json'));
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  return folder;
}
