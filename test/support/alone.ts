import { createLogger } from '../../mlapi/telemetry/logger.ts';
import { readConfig } from '../../mlapi/configuration.ts';
import { exitWithMessage, Service } from '../../mlapi/http/server/service.ts';
import { Lifecycle } from '../../mlapi/http/server/lifecycle.ts';
import { runAlone } from '../../mlapi/cli/run-alone.ts';
import type { StartServing } from '../../mlapi/http/server/program.ts';
import type { Config } from '../../mlapi/configuration.ts';

/** Answers every request, `/slow` after a while and `/never` not at all, and counts it. */
const startStub: StartServing<Config> = async (config, { metrics }) => {
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
};

async function loadApplication(): Promise<StartServing<Config>> {
  const { startService } = await import('../../mlapi/cli/start-service.ts');
  return async (config, parts) => (await startService(config, parts)).service;
}

// One process that serves the application, or with the word `stub` less than that.
await runAlone({
  path: import.meta.filename,
  readConfig,
  load: process.argv[2] === 'stub' ? () => Promise.resolve(startStub) : loadApplication,
}).catch(exitWithMessage);
