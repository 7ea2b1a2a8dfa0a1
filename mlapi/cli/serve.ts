import cluster from 'node:cluster';
import { fileURLToPath } from 'node:url';
import type { Config } from '../configuration.ts';
import { exitWithMessage } from '../http/server/service.ts';

/** Supervises worker processes; this process loads nothing of what they serve. */
async function superviseWorkers(): Promise<void> {
  const [{ Supervisor }, { readConfig }] = await Promise.all([
    import('../workers/supervisor.ts'),
    import('../configuration.ts'),
  ]);
  await new Supervisor(readConfig, fileURLToPath(import.meta.url)).run();
}

/** Serves in this process, as one of the workers. */
async function work(): Promise<void> {
  const [{ runWorker }, { startService }] = await Promise.all([
    import('../workers/worker.ts'),
    import('./start-service.ts'),
  ]);
  runWorker(async (config: Config, options) => (await startService(config, options)).service);
}

await (cluster.isPrimary ? superviseWorkers() : work()).catch(exitWithMessage);
