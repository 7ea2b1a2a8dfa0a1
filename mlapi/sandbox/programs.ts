import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

const require = createRequire(import.meta.url);

/** Whether the service runs from its sources, which needs a loader. */
export const isSource = import.meta.url.endsWith('.ts');
/** Options of Node that every program is started with. */
export const loader: readonly string[] = isSource ? ['--import', require.resolve('tsx')] : [];
/** Without them the loader would write down what it has translated. */
export const loaderVariables: NodeJS.ProcessEnv = isSource ? { TSX_DISABLE_CACHE: '1' } : {};

/** The folder of the programs and of what they import. */
export function programsFolder(): string {
  return fileURLToPath(new URL('..', import.meta.url));
}

/**
 * Returns the URL of a module of the service, run from source or compiled.
 * @param path relative to `base`, without extension
 * @param base `import.meta.url` of the caller
 */
export function moduleUrl(path: string, base: string): URL {
  return new URL(`${path}.${isSource ? 'ts' : 'js'}`, base);
}
