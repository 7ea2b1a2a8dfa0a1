import type { WaitingRequest } from './waiting-request.ts';

/** The requests that wait for a response, all with the same timeout: one timer serves them all. */
export class PendingRequests {
  readonly #timeoutMs: number;
  readonly #onLate: (request: WaitingRequest) => void;
  /** Sorted by deadline. */
  readonly #requests = new Set<WaitingRequest>();
  #isWatching = false;
  #onEmpty: (() => void) | undefined;

  constructor(timeoutMs: number, onLate: (request: WaitingRequest) => void) {
    this.#timeoutMs = timeoutMs;
    this.#onLate = onLate;
  }

  add(request: WaitingRequest): void {
    this.#requests.add(request);
    if (!this.#isWatching) this.#watch(this.#timeoutMs);
  }

  /** Removes a request that has its response. */
  delete(request: WaitingRequest): void {
    this.#requests.delete(request);
    if (this.#requests.size === 0) this.#onEmpty?.();
  }

  /** Resolves when no request is pending. */
  async empty(): Promise<void> {
    if (this.#requests.size > 0) await new Promise<void>((resolve) => (this.#onEmpty = resolve));
  }

  #watch(forMs: number): void {
    this.#isWatching = true;
    setTimeout(this.#look, Math.max(1, Math.ceil(forMs))).unref();
  }

  readonly #look = (): void => {
    this.#isWatching = false;
    const now = performance.now();
    for (const request of this.#requests) {
      const leftMs = request.acceptedMs + this.#timeoutMs - now;
      if (leftMs > 0) {
        this.#watch(leftMs);
        return;
      }
      this.#onLate(request);
    }
  };
}
