import type { Config } from '../config/config.ts';
import type { Service } from '../http/service.ts';
import { aliveIntervalMs, type SupervisorMessage, type WorkerMessage } from './messages.ts';

const ownWayMs = 1_000;

/** Builds the services and serves them. */
export type Serve = (config: Config, options: { readonly listensEarly: boolean }) => Promise<Service>;

/**
 * This process as a worker: it serves what its supervisor hands it, and ends when that says so, or is gone. Signals are the
 * supervisor's; a worker that gets SIGTERM by itself makes room for another one.
 */
export function runWorker(serve: Serve): void {
  let service: Service | undefined;
  let isLeaving = false;
  const end = (how: 'stop' | 'leave') => {
    if (service === undefined) process.exit(0);
    if (how === 'leave' && isLeaving) return;
    isLeaving = true;
    void service[how]().then((code) => process.exit(code));
  };
  process.on('message', (message: SupervisorMessage) => {
    if (message.type !== 'start') end(message.type);
    else {
      serve(message.config, message).then(
        (started) => {
          service = started;
          tell({ type: 'ready', address: started.address });
        },
        (error: unknown) => fail(error instanceof Error ? error.message : String(error)),
      );
    }
  });
  // What is sent to the whole process group, as Ctrl-C is, reaches the supervisor, too: its word goes first.
  for (const signal of ['SIGINT', 'SIGHUP'] as const) process.on(signal, () => undefined);
  process.on('SIGTERM', () => setTimeout(() => end('leave'), ownWayMs));
  process.on('disconnect', () => end('stop'));
  tell({ type: 'here' });
  setInterval(() => tell({ type: 'alive' }), aliveIntervalMs).unref();
}

function tell(message: WorkerMessage, then?: () => void): void {
  // A supervisor that is gone ends this process by its disconnection.
  if (process.connected) process.send?.(message, undefined, undefined, () => then?.());
}

function fail(message: string): void {
  tell({ type: 'failed', message }, () => process.exit(1));
}
