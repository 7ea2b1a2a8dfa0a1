import type { Slice, WaitingRequest } from './waiting-request.ts';

/**
 * `concatenate`: a run may take rows of several requests. `split`: a run takes rows of one request. `none`: a run takes exactly one
 * request.
 */
export type BatchingMode = 'concatenate' | 'split' | 'none';

interface ClientQueue {
  readonly requests: WaitingRequest[];
  rows: number;
}

/**
 * The requests that wait for one model. Clients take turns: each gets an equal share of the rows of a run, however many rows and requests
 * others have queued.
 */
export class FairQueue {
  readonly #clients = new Map<string, ClientQueue>();
  #rows = 0;

  get rows(): number {
    return this.#rows;
  }

  /** Whether the next request must have a run of its own. */
  get isNextAlone(): boolean {
    for (const { requests } of this.#clients.values()) return requests[0]!.runsAlone;
    return false;
  }

  push(request: WaitingRequest): void {
    const queue = this.#clients.get(request.client);
    if (queue === undefined) this.#clients.set(request.client, { requests: [request], rows: request.left });
    else {
      queue.requests.push(request);
      queue.rows += request.left;
    }
    this.#rows += request.left;
  }

  /** Removes a queued request; does nothing if it is not queued. */
  drop(request: WaitingRequest): void {
    const queue = this.#clients.get(request.client);
    const at = queue?.requests.indexOf(request) ?? -1;
    if (queue === undefined || at < 0) return;
    queue.requests.splice(at, 1);
    queue.rows -= request.left;
    this.#rows -= request.left;
    if (queue.requests.length === 0) this.#clients.delete(request.client);
  }

  /** Number of rows that run before the next request of this client, if clients keep taking turns. */
  rowsBefore(client: string): number {
    const own = this.#clients.get(client);
    if (own === undefined) return 0;
    return Math.min(this.#rows, own.rows * this.#clients.size);
  }

  /** Takes the slices of the next run: at most `maxRows` rows, unless `batching` is `none`. */
  take(maxRows: number, batching: BatchingMode): Slice[] {
    const slices: Slice[] = [];
    let space = maxRows;
    while (space > 0 && this.#rows > 0) {
      let left = this.#clients.size;
      for (const [client, queue] of [...this.#clients]) {
        if (space === 0) return slices;
        const runsAlone = batching === 'concatenate' && queue.requests[0]!.runsAlone;
        // Run the slices taken so far; this client comes first in the next run.
        if (runsAlone && slices.length > 0) return slices;
        const share = batching === 'concatenate' ? Math.max(1, Math.floor(space / left)) : maxRows;
        space -= this.#takeShare(queue, share, runsAlone ? 'none' : batching, slices);
        // The client has had its turn: move it to the end.
        this.#clients.delete(client);
        if (queue.requests.length > 0) this.#clients.set(client, queue);
        if (batching !== 'concatenate' || runsAlone) return slices;
        left -= 1;
      }
    }
    return slices;
  }

  /** @returns the number of rows taken */
  #takeShare(queue: ClientQueue, share: number, batching: BatchingMode, slices: Slice[]): number {
    let taken = 0;
    do {
      const request = queue.requests[0]!;
      const slice = request.take(batching === 'none' ? Infinity : share - taken);
      if (request.left === 0) queue.requests.shift();
      slices.push(slice);
      taken += slice.rows;
    } while (batching === 'concatenate' && taken < share && queue.requests[0]?.runsAlone === false);
    queue.rows -= taken;
    this.#rows -= taken;
    return taken;
  }
}
