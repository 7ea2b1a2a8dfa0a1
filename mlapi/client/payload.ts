import { Readable } from 'node:stream';

/** Bytes, or text to be sent as UTF-8. */
export type Chunk = Uint8Array | string;
type Chunks = Iterable<Chunk> | AsyncIterable<Chunk>;

/** Text, bytes or a stream. A function that opens a stream allows retries. */
export type Source = Chunk | Chunks | (() => Chunks);

/** Body of a request. */
export interface Payload {
  readonly mediaType: string;
  /** In bytes, if known in advance. */
  readonly length?: number;
  /** Whether to wait for the service's consent (100-continue) before sending: for large bodies and those that can be sent only once. */
  readonly isAnnounced: boolean;
  /** Whether the whole body can still be sent. */
  readonly isWhole: boolean;
  open(): Chunks;
}

/** @throws {TypeError} for NaN and infinities: JSON.stringify would send null, which may mean something else */
export function jsonPayload(value: unknown): Payload {
  const bytes = Buffer.from(JSON.stringify(value, refuseNonFinite));
  return {
    mediaType: 'application/json',
    length: bytes.length,
    isAnnounced: false,
    isWhole: true,
    open: () => [bytes],
  };
}

/** Urlencoded form fields; undefined ones are left out. */
export function formPayload(fields: Readonly<Record<string, string | undefined>>): Payload {
  const given = Object.entries(fields).filter((field): field is [string, string] => field[1] !== undefined);
  const bytes = Buffer.from(new URLSearchParams(given).toString());
  return {
    mediaType: 'application/x-www-form-urlencoded',
    length: bytes.length,
    isAnnounced: false,
    isWhole: true,
    open: () => [bytes],
  };
}

function refuseNonFinite(name: string, value: unknown): unknown {
  if (typeof value === 'number' && !Number.isFinite(value))
    throw new TypeError(`${name}: JSON cannot represent ${value}`);
  return value;
}

/** A streamed body. */
export function streamedPayload(mediaType: string, source: Source, length?: number): Payload {
  let isOpened = false;
  // An early error, such as a missing file, is reported when the stream is read.
  if (source instanceof Readable) source.on('error', () => undefined);
  const isOneShot = typeof source !== 'function' && typeof source !== 'string' && !(source instanceof Uint8Array);
  return {
    mediaType,
    ...(length !== undefined && { length }),
    isAnnounced: true,
    get isWhole() {
      return !isOneShot || !isOpened;
    },
    open: () => {
      isOpened = true;
      if (typeof source === 'function') return source();
      return typeof source === 'string' || source instanceof Uint8Array ? [source] : source;
    },
  };
}
