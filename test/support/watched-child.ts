import type { AddressInfo } from 'node:net';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { getHeapStatistics } from 'node:v8';
import { createServices } from '../../application.ts';
import { readConfig } from '../../mlapi/config/config.ts';
import { Lifecycle } from '../../mlapi/http/lifecycle.ts';
import { createHttpServer } from '../../mlapi/http/server.ts';
import { createLogger } from '../../mlapi/telemetry/logger.ts';
import { listenerOf } from './listener.ts';

// Run by watched.ts: one service in one process, which can be asked for how long its event loop has stood still.
const config = readConfig();
const logger = createLogger(config);
const lifecycle = new Lifecycle();
const services = await createServices(config, { logger, lifecycle });
const server = createHttpServer(listenerOf(services), services);
lifecycle.enter('ready');
const delay = monitorEventLoopDelay({ resolution: 5 });
delay.enable();
let cpuBefore = process.cpuUsage();
process.on('message', () => {
  const { user, system } = process.cpuUsage(cpuBefore);
  // Time in which this process had no processor is not of its making: it held up nobody for longer than it computed.
  const longestDelayMs = Math.min(delay.max / 1e6, (user + system) / 1e3);
  globalThis.gc?.();
  // Not process.memoryUsage(), which opens a file: there may be no descriptor left for it.
  const { used_heap_size: heap, external_memory: external } = getHeapStatistics();
  process.send?.({ longestDelayMs, heldMiB: (heap + external) / 1_048_576 });
  setImmediate(() => {
    delay.reset();
    cpuBefore = process.cpuUsage();
  });
});
server.listen(0, '127.0.0.1', () => {
  logger.info('listening', { address: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
});
