import type { Config } from '../config/config.ts';
import type { CounterHome } from '../http/counters.ts';
import type { Service } from '../http/service.ts';
import { isStorageFault } from '../persistence/busy.ts';
import { exitAfterLog } from '../telemetry/logger.ts';
import { aliveIntervalMs, type SupervisorMessage, type WorkerMessage } from './messages.ts';
import { SupervisorCounterHome } from './supervisor-counters.ts';

const ownWayMs = 1_000;

/** Builds the services and serves them. */
export type Serve = (config: Config, options: ServeOptions) => Promise<Service>;

interface ServeOptions {
  readonly listensEarly: boolean;
  /** Where requests are counted for all workers together. */
  readonly localCounters: CounterHome;
}

/**
 * This process as a worker: it serves what its supervisor hands it, and ends when that says so, or is gone. Signals are the
 * supervisor's; a worker that gets SIGTERM by itself makes room for another one.
 */
export function runWorker(serve: Serve): void {
  const localCounters = new SupervisorCounterHome(tell);
  let service: Service | undefined;
  let isLeaving = false;
  const end = (how: 'stop' | 'leave') => {
    if (service === undefined) process.exit(0);
    if (how === 'leave' && isLeaving) return;
    isLeaving = true;
    void service[how]().then(exitAfterLog);
  };
  process.on('message', (message: SupervisorMessage) => {
    if (message.type === 'counts') localCounters.answer(message.id, message.counts);
    else if (message.type !== 'start') end(message.type);
    else {
      const { config, listensEarly } = message;
      serve(config, { listensEarly, localCounters }).then((started) => {
        service = started;
        tell({ type: 'ready', address: started.address });
      }, fail);
    }
  });
  // What is sent to the whole process group, as Ctrl-C is, reaches the supervisor, too: its word goes first.
  for (const signal of ['SIGINT', 'SIGHUP'] as const) process.on(signal, () => undefined);
  process.on('SIGTERM', () => setTimeout(() => end('leave'), ownWayMs));
  process.on('disconnect', () => end('stop'));
  tell({ type: 'here' });
  setInterval(() => tell({ type: 'alive' }), aliveIntervalMs).unref();
}

/** @returns false if there is no supervisor any more: its disconnection ends this process */
function tell(message: WorkerMessage): boolean {
  if (!process.connected || process.send === undefined) return false;
  process.send(message, undefined, undefined, () => undefined);
  return true;
}

function fail(error: unknown): void {
  const message = error instanceof Error ? error.message : String(error);
  const failed: WorkerMessage = { type: 'failed', message, isPassing: isStorageFault(error) };
  if (process.connected) process.send?.(failed, undefined, undefined, () => process.exit(1));
  else process.exit(1);
}
