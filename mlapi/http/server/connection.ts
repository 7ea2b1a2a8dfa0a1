import type { ServerResponse } from 'node:http';

const maxWaiting = 1_024;

/**
 * Turns of the event loop, for requests that were pipelined: one request each, whatever the number of connections. Node takes one
 * new connection in a turn, so that a long turn would keep out everybody who is not yet in.
 */
export class EventLoopQueue {
  readonly #waiting: (() => void)[] = [];

  /** Runs in a turn of its own, after those that asked before. */
  take(run: () => void): void {
    this.#waiting.push(run);
    if (this.#waiting.length === 1) setImmediate(() => this.#next());
  }

  #next(): void {
    const run = this.#waiting[0];
    try {
      run?.();
    } finally {
      this.#waiting.shift();
      if (this.#waiting.length > 0) setImmediate(() => this.#next());
    }
  }
}

/** The requests of one connection, one after another: who pipelines thousands of them waits for a turn for each. */
export class Connection {
  requests = 0;
  /** The response to the newest request, until both are over: what hangs on it would live as long as the connection. */
  latest: ServerResponse | undefined;
  readonly #turns: EventLoopQueue;
  readonly #waiting: (() => void)[] = [];
  #isBusy = false;
  #afterWaiting: (() => void) | undefined;

  constructor(turns: EventLoopQueue) {
    this.#turns = turns;
  }

  /** Starts now, or when the responses before it are closed. @returns false if too many wait already */
  enqueue(response: ServerResponse, start: () => void): boolean {
    if (this.#waiting.length >= maxWaiting) return false;
    this.requests += 1;
    this.latest = response;
    response.on('close', this.#next);
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

  /** Once for each response: Node closes none of them twice. */
  readonly #next = (): void => {
    if (this.latest?.closed === true && this.latest.req.complete) this.latest = undefined;
    if (this.#waiting.length === 0) {
      this.#isBusy = false;
      return;
    }
    this.#turns.take(() => {
      this.#waiting.shift()?.();
      if (this.#waiting.length > 0) return;
      this.#afterWaiting?.();
      this.#afterWaiting = undefined;
    });
  };
}
