interface MemoryBounds {
  /** Most bytes that one client may hold. */
  readonly clientBytes: number;
  /** Most bytes that all clients of this process may hold together. */
  readonly allBytes: number;
}

/**
 * Counts the memory that each client holds. A client may hold at most as much as is still free, and at most its own bound, so that greedy
 * clients always leave room for a new one (dynamic thresholds of switch buffers, Choudhury and Hahne 1998).
 */
export class MemoryQuota {
  readonly #bounds: MemoryBounds;
  readonly #held = new Map<string, number>();
  #allHeld = 0;

  constructor(bounds: MemoryBounds) {
    this.#bounds = bounds;
  }

  /** Bytes held by all clients together. */
  get heldBytes(): number {
    return this.#allHeld;
  }

  /** @returns false, without taking anything, if the client would hold too much */
  take(clientId: string, bytes: number): boolean {
    const { clientBytes, allBytes } = this.#bounds;
    const held = (this.#held.get(clientId) ?? 0) + bytes;
    if (held > clientBytes || held > allBytes - this.#allHeld) return false;
    this.#held.set(clientId, held);
    this.#allHeld += bytes;
    return true;
  }

  give(clientId: string, bytes: number): void {
    const held = (this.#held.get(clientId) ?? 0) - bytes;
    this.#allHeld -= bytes;
    if (held > 0) this.#held.set(clientId, held);
    else this.#held.delete(clientId);
  }
}
