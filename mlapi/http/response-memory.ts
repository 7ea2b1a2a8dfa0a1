import type { ServerResponse } from 'node:http';
import { MemoryQuota } from './body/memory-quota.ts';
import { serviceBusy } from './problem.ts';

/** Asked before the memory of an answer is taken. */
export interface ResponseMemory {
  /**
   * Sees to it that so many bytes, in all, are held for this answer until its last byte has left or its client is gone.
   * @throws {Problem} 503 where its client, or all clients together, would hold too much
   */
  reserve(bytes: number): void;
}

/** Smaller answers wait in the system's own buffers. */
export const fewBytes = 65_536;
/** Two outputs of the largest size for a client; whoever asks for much and reads nothing must not fill the memory. */
const responses = new MemoryQuota({ clientBytes: 134_217_728, allBytes: 268_435_456 });

/** Returns the bytes that responses hold now, in this process. */
export function heldByResponses(): number {
  return responses.heldBytes;
}

/** Memory of one large response, reserved until the response closes. */
export class Reservation {
  readonly #clientId: string;
  readonly #response: ServerResponse;
  #bytes = 0;

  constructor(clientId: string, response: ServerResponse) {
    this.#clientId = clientId;
    this.#response = response;
  }

  /** @param bytes in all @throws {Problem} 503 */
  raise(bytes: number): void {
    // Nobody reads it any more, and nothing would give the memory back.
    if (bytes <= this.#bytes || this.#response.closed) return;
    if (!responses.take(this.#clientId, bytes - this.#bytes)) throw serviceBusy();
    if (this.#bytes === 0) this.#response.once('close', () => responses.give(this.#clientId, this.#bytes));
    this.#bytes = bytes;
  }
}
