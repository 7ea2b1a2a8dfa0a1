import { execFile } from 'node:child_process';

/** States that systemd is notified of (sd_notify(3)). */
export type SystemdState = 'READY=1' | 'RELOADING=1' | 'STOPPING=1' | 'WATCHDOG=1';

/**
 * Tells systemd how the service is, by its own command: Node.js has no datagram sockets of the Unix kind. Does nothing where no
 * systemd listens.
 */
export class Systemd {
  readonly #isThere: boolean;
  /** How often the watchdog wants to hear of us; undefined where there is none. */
  readonly watchdogIntervalMs: number | undefined;
  readonly #onError: (error: Error) => void;
  #last = Promise.resolve();

  constructor(environment: NodeJS.ProcessEnv, onError: (error: Error) => void) {
    this.#isThere = environment.NOTIFY_SOCKET !== undefined;
    const watchdogMs = Number(environment.WATCHDOG_USEC ?? 0) / 1_000;
    this.watchdogIntervalMs = this.#isThere && watchdogMs > 0 ? watchdogMs / 2 : undefined;
    this.#onError = onError;
  }

  /** One after another, in the order in which they were told. @returns when systemd has heard it */
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
