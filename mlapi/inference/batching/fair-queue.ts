import type { Slice, WaitingRequest } from './waiting-request.ts';

/** `concatenate`: a run takes rows of several requests; `split`: some rows of one request; `none`: exactly one request. */
export type BatchingMode = 'concatenate' | 'split' | 'none';

interface ClientQueue {
  readonly requests: WaitingRequest[];
  rows: number;
}

/**
 * The requests that wait for one model. Clients take turns: each gets an equal share of the rows of a run, however many rows and
 * requests the others have here.
 */
export class FairQueue {
  readonly #clients = new Map<string, ClientQueue>();
  #rows = 0;

  get rows(): number {
    return this.#rows;
  }

  /** Whether the next request shares its run with no other. */
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

  /** Takes a request that waits out of its turn; one that does not wait is left alone. */
  drop(request: WaitingRequest): void {
    const queue = this.#clients.get(request.client);
    const at = queue?.requests.indexOf(request) ?? -1;
    if (queue === undefined || at < 0) return;
    queue.requests.splice(at, 1);
    queue.rows -= request.left;
    this.#rows -= request.left;
    if (queue.requests.length === 0) this.#clients.delete(request.client);
  }

  /** The rows that are computed before the next request of this client begins, if all clients go on taking turns. */
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
        // The slices that were taken run first; this client is first in the next run.
        if (runsAlone && slices.length > 0) return slices;
        const share = batching === 'concatenate' ? Math.max(1, Math.floor(space / left)) : maxRows;
        space -= this.#takeShare(queue, share, runsAlone ? 'none' : batching, slices);
        // The client's turn is over: it comes last now.
        this.#clients.delete(client);
        if (queue.requests.length > 0) this.#clients.set(client, queue);
        if (batching !== 'concatenate' || runsAlone) return slices;
        left -= 1;
      }
    }
    return slices;
  }

  /** @returns how many rows it took */
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
