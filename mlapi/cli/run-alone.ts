import type { Config } from '../configuration.ts';
import type { ServerProgram } from '../http/server/program.ts';
import { removeStaleSocket, stopLimitMs } from '../http/server/service.ts';
import { Systemd } from '../http/server/systemd.ts';
import { createLogger, exitAfterLog } from '../telemetry/logger.ts';
import { createMetrics, openOutlets } from '../telemetry/metrics/open-metrics.ts';

/** Serves in this process: SIGTERM and SIGINT stop it after the requests in flight, a second one at once. */
export async function runAlone({ readConfig, load }: ServerProgram<Config>): Promise<void> {
  const config = readConfig();
  const logger = createLogger(config);
  const systemd = new Systemd(process.env, (cause) => logger.error('systemd could not be notified', { cause }));
  const metrics = await createMetrics(config);
  const outlets = await openOutlets(config, logger, async () => [await metrics.read()]);
  let isServing = false;
  let isStopping = false;
  const stop = async (signal: string) => {
    if (!isServing || isStopping) process.exit(isStopping ? 1 : 0);
    isStopping = true;
    logger.info('stopping', { signal });
    setTimeout(() => process.exit(1), stopLimitMs).unref();
    void systemd.notify('STOPPING=1');
    const code = await (await starting).stop();
    await outlets?.finish();
    logger.info('stopped');
    exitAfterLog(code);
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => void stop(signal));
  // Loading after the socket was tried fails on Node.js 20, in a package of express-rate-limit: Address6 is not a constructor.
  const start = await load();
  if (config.socket !== undefined) await removeStaleSocket(config.socket);
  const starting = start(config, { metrics });
  const { address } = await starting;
  isServing = true;
  logger.info('listening', { address });
  void systemd.notify('READY=1');
  const { watchdogIntervalMs } = systemd;
  if (watchdogIntervalMs !== undefined) setInterval(() => void systemd.notify('WATCHDOG=1'), watchdogIntervalMs);
}
