import type { ServerResponse } from 'node:http';

const maxWaiting = 1_024;

/**
 * Runs pipelined requests one per turn of the event loop, over all connections. Node accepts one new connection per turn, so a long turn
 * would keep new clients out.
 */
export class EventLoopQueue {
  readonly #waiting: (() => void)[] = [];

  /** Runs in its own turn, after those queued before. */
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

/** The requests of one connection, served one after another. Pipelined ones wait for a turn each. */
export class Connection {
  requests = 0;
  /** Response to the newest request, until request and response are complete. Kept longer, it would live as long as the connection. */
  latest: ServerResponse | undefined;
  readonly #turns: EventLoopQueue;
  readonly #waiting: (() => void)[] = [];
  #isBusy = false;
  #afterWaiting: (() => void) | undefined;

  constructor(turns: EventLoopQueue) {
    this.#turns = turns;
  }

  /** Starts now, or when the responses before it are closed. @returns false if 1,024 requests are waiting already */
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

  /** Runs once every queued request has been started: at once, if none waits. */
  afterWaiting(run: () => void): void {
    if (this.#waiting.length === 0) run();
    else this.#afterWaiting ??= run;
  }

  /** Runs once per response: Node closes none of them twice. */
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
