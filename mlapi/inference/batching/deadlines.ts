import type { WaitingRequest } from './waiting-request.ts';

/** The requests that still wait for their answer, all of them with the same time to it: one timer watches over them. */
export class PendingRequests {
  readonly #timeoutMs: number;
  readonly #onLate: (request: WaitingRequest) => void;
  /** In the order of their deadlines. */
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

  /** It has its answer. */
  delete(request: WaitingRequest): void {
    this.#requests.delete(request);
    if (this.#requests.size === 0) this.#onEmpty?.();
  }

  /** Resolves when every request has its answer. */
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
