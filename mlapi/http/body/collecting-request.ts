import { IncomingMessage } from 'node:http';

/** Takes a body's pieces as they come, and null at its end. */
export type Sink = (chunk: Buffer | null) => void;

/** Nothing comes after the end. */
const ignore: Sink = () => undefined;

/**
 * A request whose body can be had as Node's parser hands it on, without the stream around it: its events and turns cost more than
 * reading a small body does.
 */
export class CollectingRequest extends IncomingMessage {
  #sink: Sink | undefined;
  #isStream = false;

  /** @returns false if the stream holds some of the body by now */
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

  /** Node lets flow what nobody has read: here nothing is left. */
  override resume(): this {
    return this.#sink === undefined ? super.resume() : this;
  }
}
