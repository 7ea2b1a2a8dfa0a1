import { relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { compiledPath, projectRoot } from '../support/compiled.ts';

// In tests this stands for mlapi/sandbox/programs.ts (jest.config.js): the services of a test start their child processes compiled, as
// they are shipped, in a quarter of the time that they take from source.

export const isSource = false;
export const loader: readonly string[] = [];
export const loaderVariables: NodeJS.ProcessEnv = {};

export function programsFolder(): string {
  return compiledPath('mlapi');
}

export function moduleUrl(path: string, base: string): URL {
  const source = relative(projectRoot, fileURLToPath(new URL(`${path}.ts`, base)));
  return pathToFileURL(compiledPath(source));
}
