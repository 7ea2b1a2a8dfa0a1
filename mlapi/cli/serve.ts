import '../sandbox/inherited-descriptors.ts';
import { fileURLToPath } from 'node:url';
import { readConfig, type Config } from '../configuration.ts';
import { runService } from '../features.ts';
import type { ServerProgram } from '../http/server/program.ts';
import { exitWithMessage } from '../http/server/service.ts';

const program: ServerProgram<Config> = {
  path: fileURLToPath(import.meta.url),
  readConfig,
  load: async () => {
    const { startService } = await import('./start-service.ts');
    return async (config, parts) => (await startService(config, parts)).service;
  },
};

/** Runs the service as a feature does it, such as in several processes; otherwise in this one. */
async function serve(): Promise<void> {
  const run = (await runService?.()) ?? (await import('./run-alone.ts')).runAlone;
  // The features read their own part of the configuration.
  await run(program as never);
}

await serve().catch(exitWithMessage);
