import cluster from 'node:cluster';
import { fileURLToPath } from 'node:url';
import { exitWithMessage } from '../http/service.ts';

/** Serves in worker processes, watched over by this one, which loads nothing of what they serve. */
async function superviseWorkers(): Promise<void> {
  cluster.setupPrimary({ exec: fileURLToPath(import.meta.url), args: [] });
  const [{ Supervisor }, { readConfig }] = await Promise.all([
    import('../workers/supervisor.ts'),
    import('../config/config.ts'),
  ]);
  await new Supervisor(readConfig).run();
}

/** What this process does as one of them: it loads the application while the supervisor has yet to say with which configuration. */
async function work(): Promise<void> {
  const { runWorker } = await import('../workers/worker.ts');
  const loaded = import('../../application.ts');
  // What is wrong with it is said when it is to serve.
  loaded.catch(() => undefined);
  runWorker(async (config, options) => {
    const { serve } = await loaded;
    return (await serve(config, options)).service;
  });
}

await (cluster.isPrimary ? superviseWorkers() : work()).catch(exitWithMessage);
