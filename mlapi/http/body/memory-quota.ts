interface MemoryBounds {
  /** Most that one client may hold. */
  readonly clientBytes: number;
  /** Most that all clients of this process may hold together. */
  readonly allBytes: number;
}

/**
 * Counts the memory that each client has taken up here. A client may hold as much as is still free, up to its own bound: those who
 * take and take always leave room for one who has taken nothing yet (the dynamic thresholds of switch buffers, Choudhury and Hahne).
 */
export class MemoryQuota {
  readonly #bounds: MemoryBounds;
  readonly #held = new Map<string, number>();
  #allHeld = 0;

  constructor(bounds: MemoryBounds) {
    this.#bounds = bounds;
  }

  /** Bytes that all clients hold together. */
  get heldBytes(): number {
    return this.#allHeld;
  }

  /** @returns false when the client would hold too much; nothing is taken then */
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
