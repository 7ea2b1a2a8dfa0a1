import { openSync, readSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { getHeapStatistics } from 'node:v8';
import { createServices } from '../../application.ts';
import { readConfig } from '../../mlapi/configuration.ts';
import { Lifecycle } from '../../mlapi/http/server/lifecycle.ts';
import { createHttpServer } from '../../mlapi/http/server/server.ts';
import { createLogger } from '../../mlapi/telemetry/logger.ts';
import { listenerOf } from './listener.ts';

// Run by watched.ts: the service in one process, which reports how long its event loop was blocked.
const config = readConfig();
const logger = createLogger(config);
const lifecycle = new Lifecycle();
const services = await createServices(config, { logger, lifecycle });
const server = createHttpServer(listenerOf(services), services);
lifecycle.enter('ready');

/**
 * @returns the processor time of this thread in milliseconds, which excludes waiting for a processor; if the kernel does not count it,
 *   that of the whole process, which is never less
 */
const threadTimeMs = (() => {
  // Opened once, since descriptors may run out later. The first number is in nanoseconds.
  const file = openSync(`/proc/self/task/${process.pid}/schedstat`, 'r');
  const text = Buffer.alloc(64);
  return () => {
    const nanoseconds = Number.parseInt(text.toString('latin1', 0, readSync(file, text, 0, text.length, 0)), 10);
    if (nanoseconds > 0) return nanoseconds / 1e6;
    const { user, system } = process.cpuUsage();
    return (user + system) / 1e3;
  };
})();

// Timers run once per event loop turn, so no caller waits longer than the time between two of them.
let longestDelayMs = 0;
let before = threadTimeMs();
const look = () => {
  const now = threadTimeMs();
  longestDelayMs = Math.max(longestDelayMs, now - before);
  before = now;
};
setInterval(look, 5);

process.on('message', () => {
  look();
  const held = { longestDelayMs };
  globalThis.gc?.();
  // Not process.memoryUsage(), which opens a file, for which there may be no descriptor left.
  const { used_heap_size: heap, external_memory: external } = getHeapStatistics();
  process.send?.({ ...held, heldMiB: (heap + external) / 1_048_576 });
  setImmediate(() => {
    longestDelayMs = 0;
    before = threadTimeMs();
  });
});
server.listen(0, '127.0.0.1', () => {
  logger.info('listening', { address: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
});
