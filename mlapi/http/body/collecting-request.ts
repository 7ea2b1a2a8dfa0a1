import { IncomingMessage } from 'node:http';

/** Receives the pieces of a body, and null at its end. */
export type Sink = (chunk: Buffer | null) => void;

/** Used after the end of the body. */
const ignore: Sink = () => undefined;

/** A request whose body can be read straight from Node's parser. The events and turns of the stream cost more than reading a small body. */
export class CollectingRequest extends IncomingMessage {
  #sink: Sink | undefined;
  #isStream = false;

  /** @returns false if the stream has buffered some of the body already */
  collect(sink: Sink): boolean {
    if (this.#isStream) return false;
    this.#sink = sink;
    return true;
  }

  override push(chunk: Buffer | null, encoding?: BufferEncoding): boolean {
    if (this.#sink === undefined) {
      this.#isStream = true;
      return super.push(chunk, encoding);
    }
    this.#sink(chunk);
    if (chunk === null) this.#sink = ignore;
    return true;
  }

  /** Node resumes streams that nobody has read. A collected body has nothing left in the stream. */
  override resume(): this {
    return this.#sink === undefined ? super.resume() : this;
  }
}
