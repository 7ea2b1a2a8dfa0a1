import cluster from 'node:cluster';
import { readConfig } from '../../mlapi/configuration.ts';
import { Lifecycle } from '../../mlapi/http/server/lifecycle.ts';
import { exitWithMessage, Service } from '../../mlapi/http/server/service.ts';
import { createLogger } from '../../mlapi/telemetry/logger.ts';
import { Supervisor } from '../../mlapi/workers/supervisor.ts';
import { runWorker } from '../../mlapi/workers/worker.ts';

// A supervisor whose workers answer every request with their process id, and count it.
if (cluster.isPrimary) await new Supervisor(readConfig).run().catch(exitWithMessage);
else
  runWorker(async (config, { metrics }) => {
    const service = new Service({ config, logger: createLogger(config), lifecycle: new Lifecycle() });
    await service.serve({
      listener: ({ method = '' }, response) => {
        metrics.requestAnswered({ method, route: '/', status: 200, seconds: 0.002 });
        response.end(String(process.pid));
      },
      close: () => Promise.resolve(),
    });
    return service;
  });
