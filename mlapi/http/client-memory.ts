/** Counts the memory that each client has taken up here, so that one who takes and takes is refused alone. */
export class ClientMemory {
  readonly #maxBytes: number;
  readonly #held = new Map<string, number>();

  /** @param maxBytes of one client */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** @returns false when the client would hold too much; nothing is taken then */
  take(clientId: string, bytes: number): boolean {
    const held = (this.#held.get(clientId) ?? 0) + bytes;
    if (held > this.#maxBytes) return false;
    this.#held.set(clientId, held);
    return true;
  }

  give(clientId: string, bytes: number): void {
    const held = (this.#held.get(clientId) ?? 0) - bytes;
    if (held > 0) this.#held.set(clientId, held);
    else this.#held.delete(clientId);
  }
}
