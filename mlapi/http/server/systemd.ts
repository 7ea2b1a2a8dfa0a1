import { execFile } from 'node:child_process';

/** States for sd_notify(3). */
export type SystemdState = 'READY=1' | 'RELOADING=1' | 'STOPPING=1' | 'WATCHDOG=1';

/** Notifies systemd by the command systemd-notify, since Node.js has no Unix datagram sockets. Does nothing outside of systemd. */
export class Systemd {
  readonly #isThere: boolean;
  /** Interval for watchdog messages; undefined without a watchdog. */
  readonly watchdogIntervalMs: number | undefined;
  readonly #onError: (error: Error) => void;
  #last = Promise.resolve();

  constructor(environment: NodeJS.ProcessEnv, onError: (error: Error) => void) {
    this.#isThere = environment.NOTIFY_SOCKET !== undefined;
    const watchdogMs = Number(environment.WATCHDOG_USEC ?? 0) / 1_000;
    this.watchdogIntervalMs = this.#isThere && watchdogMs > 0 ? watchdogMs / 2 : undefined;
    this.#onError = onError;
  }

  /** Notifies systemd, in the order of the calls. @returns when it has been notified */
  notify(state: SystemdState): Promise<void> {
    if (!this.#isThere) return Promise.resolve();
    this.#last = this.#last.then(
      () =>
        new Promise((resolve) => {
          execFile('systemd-notify', [state], { timeout: 5_000 }, (error) => {
            if (error !== null) this.#onError(error);
            resolve();
          });
        }),
    );
    return this.#last;
  }
}
