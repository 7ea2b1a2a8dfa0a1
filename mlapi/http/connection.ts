import type { ServerResponse } from 'node:http';

const maxWaiting = 1_024;

/**
 * The requests of one connection, one after another: who pipelines thousands of them gets a turn of the event loop for each, as
 * everybody does, and not all at once.
 */
export class Connection {
  requests = 0;
  /** The response to the newest request. */
  latest: ServerResponse | undefined;
  readonly #waiting: (() => void)[] = [];
  #isBusy = false;
  #afterWaiting: (() => void) | undefined;

  /** Starts now, or when the responses before it are closed. @returns false if too many wait already */
  enqueue(response: ServerResponse, start: () => void): boolean {
    if (this.#waiting.length >= maxWaiting) return false;
    this.requests += 1;
    this.latest = response;
    response.once('close', () => this.#next());
    if (this.#isBusy) this.#waiting.push(start);
    else {
      this.#isBusy = true;
      start();
    }
    return true;
  }

  /** Runs once every request has been started: at once, if none waits. */
  afterWaiting(run: () => void): void {
    if (this.#waiting.length === 0) run();
    else this.#afterWaiting ??= run;
  }

  #next(): void {
    if (this.#waiting.length === 0) {
      this.#isBusy = false;
      return;
    }
    setImmediate(() => {
      this.#waiting.shift()?.();
      if (this.#waiting.length > 0) return;
      this.#afterWaiting?.();
      this.#afterWaiting = undefined;
    });
  }
}
