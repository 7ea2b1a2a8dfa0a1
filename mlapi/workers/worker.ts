import { setTimeout as delay } from 'node:timers/promises';
import type { StartServing } from '../http/server/program.ts';
import type { Service } from '../http/server/service.ts';
import { isStorageFault } from '../persistence/busy.ts';
import { exitAfterLog } from '../telemetry/logger.ts';
import { noMetrics, type Metrics } from '../telemetry/metrics/metrics.ts';
import { createMetrics } from '../telemetry/metrics/open-metrics.ts';
import { aliveIntervalMs, type SupervisedConfig, type SupervisorMessage, type WorkerMessage } from './messages.ts';
import { SupervisorCounterStore } from './supervisor-counters.ts';

const ownWayMs = 1_000;
const lastWordLimitMs = 500;

type StartMessage = Extract<SupervisorMessage, { type: 'start' }>;

/**
 * Runs this process as a worker: serves with the configuration of its supervisor and exits when told to, or when the supervisor is gone.
 * The supervisor handles signals; a worker that receives SIGTERM alone is replaced.
 */
export function runWorker<Config extends SupervisedConfig>(serve: StartServing<Config>): void {
  const localCounters = new SupervisorCounterStore(tell);
  let service: Service | undefined;
  let metrics = noMetrics;
  let isLeaving = false;
  const end = (how: 'stop' | 'leave') => {
    if (service === undefined) process.exit(0);
    if (how === 'leave' && isLeaving) return;
    isLeaving = true;
    void service[how]().then((code) =>
      tellLast(metrics)
        .catch(ignore)
        .then(() => exitAfterLog(code)),
    );
  };
  const start = async ({ config, listensEarly }: StartMessage) => {
    metrics = await createMetrics(config);
    // The supervisor read it by the same program.
    service = await serve(config as Config, { listensEarly, localCounters, metrics });
    tell({ type: 'ready', address: service.address });
  };
  process.on('message', (message: SupervisorMessage) => {
    switch (message.type) {
      case 'start':
        start(message).catch(fail);
        break;
      case 'counts':
        localCounters.answer(message.answers);
        break;
      case 'recall':
        localCounters.giveBack(message.key);
        break;
      case 'measure':
        metrics.read().then((read) => tell({ type: 'measured', metrics: read }), ignore);
        break;
      case 'stop':
      case 'leave':
        end(message.type);
        break;
    }
  });
  // A signal to the whole process group, such as Ctrl-C, also reaches the supervisor, which decides.
  for (const signal of ['SIGINT', 'SIGHUP'] as const) process.on(signal, () => undefined);
  process.on('SIGTERM', () => setTimeout(() => end('leave'), ownWayMs));
  process.on('disconnect', () => end('stop'));
  tell({ type: 'here' });
  setInterval(() => tell({ type: 'alive' }), aliveIntervalMs).unref();
}

/** @returns false if the supervisor is gone; its disconnection ends this process */
function tell(message: WorkerMessage): boolean {
  if (!process.connected || process.send === undefined) return false;
  process.send(message, undefined, undefined, () => undefined);
  return true;
}

/** Reports the last metrics, so that no counts are lost. */
async function tellLast(metrics: Metrics): Promise<void> {
  const last: WorkerMessage = { type: 'measured', metrics: await metrics.read() };
  if (last.metrics.length === 0 || !process.connected) return;
  const isTold = new Promise((resolve) => process.send?.(last, undefined, undefined, resolve));
  await Promise.race([isTold, delay(lastWordLimitMs)]);
}

/** If metrics cannot be read, the supervisor's request times out. */
const ignore = () => undefined;

function fail(error: unknown): void {
  const message = error instanceof Error ? error.message : String(error);
  const failed: WorkerMessage = { type: 'failed', message, isPassing: isStorageFault(error) };
  if (process.connected) process.send?.(failed, undefined, undefined, () => process.exit(1));
  else process.exit(1);
}
