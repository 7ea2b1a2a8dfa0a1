import { relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { compiledPath, projectRoot } from '../support/compiled.ts';

// Replaces mlapi/sandbox/programs.ts in tests (jest.config.js): services start their child processes compiled, as shipped, in a
// quarter of the time.

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
