const maxWholeBodies = 32;

/**
 * Counts the memory of bodies that are not whole yet, by client: each may hold as much as 32 of the largest bodies, so that one
 * that begins thousands and ends none is refused alone.
 */
export class UnfinishedBodies {
  readonly #maxBytes: number;
  readonly #held = new Map<string, number>();

  constructor(bodyLimitBytes: number) {
    this.#maxBytes = maxWholeBodies * bodyLimitBytes;
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
