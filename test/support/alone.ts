import { createLogger } from '../../mlapi/telemetry/logger.ts';
import { readConfig } from '../../mlapi/configuration.ts';
import { exitWithMessage, Service } from '../../mlapi/http/server/service.ts';
import { Lifecycle } from '../../mlapi/http/server/lifecycle.ts';
import { runAlone } from '../../mlapi/cli/run-alone.ts';

// One process that answers every request after a while, and counts it.
await runAlone({
  path: import.meta.filename,
  readConfig,
  load: () =>
    Promise.resolve(async (config, { metrics }) => {
      const service = new Service({ config, logger: createLogger(config), lifecycle: new Lifecycle() });
      await service.serve({
        listener: ({ method = '', url }, response) => {
          metrics.requestAnswered({ method, route: '/', status: 200, seconds: 0.002 });
          response.setHeader('connection', 'close');
          if (url !== '/never') setTimeout(() => response.end('done'), url === '/slow' ? 1_500 : 0);
        },
        close: () => Promise.resolve(),
      });
      return service;
    }),
}).catch(exitWithMessage);
