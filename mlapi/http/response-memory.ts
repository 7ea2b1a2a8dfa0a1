import type { ServerResponse } from 'node:http';
import { MemoryQuota } from './body/memory-quota.ts';
import { serviceBusy } from './problem.ts';

/** Memory budget of a response. */
export interface ResponseMemory {
  /**
   * Reserves memory for this response until its last byte is sent or the client disconnects.
   * @param bytes total for the response, not an increment
   * @throws {Problem} 503 if this client, or all clients together, would hold too much
   */
  reserve(bytes: number): void;
}

/** Smaller responses fit the kernel's socket buffers, in bytes. */
export const fewBytes = 65_536;
/** Two of the largest outputs per client. Bounds what clients can pin by requesting large responses and not reading them. */
const responses = new MemoryQuota({ clientBytes: 134_217_728, allBytes: 268_435_456 });

/** Bytes that responses hold in this process. */
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

  /**
   * @param bytes total for the response, not an increment
   * @throws {Problem} 503
   */
  raise(bytes: number): void {
    // A closed response will not emit `close` again, so the memory would never be released.
    if (bytes <= this.#bytes || this.#response.closed) return;
    if (!responses.take(this.#clientId, bytes - this.#bytes)) throw serviceBusy();
    if (this.#bytes === 0) this.#response.once('close', () => responses.give(this.#clientId, this.#bytes));
    this.#bytes = bytes;
  }
}
