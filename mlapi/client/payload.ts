import { Readable } from 'node:stream';

/** Bytes, or text that is sent as UTF-8. */
export type Chunk = Uint8Array | string;
type Chunks = Iterable<Chunk> | AsyncIterable<Chunk>;

/** Text, bytes or a stream; a function that opens one can be asked again, so that its call can be tried again. */
export type Source = Chunk | Chunks | (() => Chunks);

/** A request's body. */
export interface Payload {
  readonly mediaType: string;
  /** In bytes, where it is known before. */
  readonly length?: number;
  /** Whether the service must let it through before anything of it is sent: large ones, and those that can be sent only once. */
  readonly isAnnounced: boolean;
  /** Whether all of it can still be sent. */
  readonly isWhole: boolean;
  open(): Chunks;
}

/** @throws {TypeError} for a number that JSON does not have: it would become null, which may stand for another value */
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

/** Fields as HTML sends them; those that are undefined are left out. */
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
    throw new TypeError(`${name}: ${value} is no number in JSON`);
  return value;
}

/** A body that is not kept. */
export function streamedPayload(mediaType: string, source: Source, length?: number): Payload {
  let isOpened = false;
  // A file that is not there says so before anybody reads it: whoever does is told then.
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
