import type { ServerResponse } from 'node:http';
import type { Writable } from 'node:stream';
import { createDeflate, createGzip } from 'node:zlib';
import { yieldToEventLoop } from '../event-loop.ts';

/** Content encodings of responses. `deflate` is the zlib format (RFC 9110 section 8.4.1.2). */
export type Compression = 'gzip' | 'deflate';

/** A piece of a response: text, or bytes that are sent without a copy. */
export type Chunk = string | Uint8Array;

const compressors = { gzip: createGzip, deflate: createDeflate };
const compressedPieceBytes = 65_536;

/**
 * Writes a response chunk by chunk: one chunk per turn of the event loop, and only once the previous one has been sent. A slow reader holds
 * one chunk, and other requests are served in between. Stops when the client disconnects.
 */
export function sendChunks(response: ServerResponse, chunks: Iterable<Chunk>, compression?: Compression): void {
  const pieces = chunks[Symbol.iterator]();
  if (compression === undefined) {
    writeNext(response, pieces);
    return;
  }
  const compressor = compressors[compression]({ chunkSize: compressedPieceBytes });
  // `pipeline` adds so many listeners to the response that Node prints a leak warning, bypassing the log.
  response.once('close', () => compressor.destroy());
  compressor.once('close', () => {
    if (!response.writableEnded) response.destroy();
  });
  compressor.on('error', () => undefined).pipe(response);
  writeNext(compressor, pieces);
}

function writeNext(target: Writable, chunks: Iterator<Chunk>): void {
  if (target.destroyed) return;
  const goOn = () => void yieldToEventLoop().then(() => writeNext(target, chunks));
  try {
    const next = chunks.next();
    if (next.done === true) target.end();
    else if (target.write(next.value)) goOn();
    else target.once('drain', goOn);
  } catch {
    // The status has been sent: only a broken connection can tell the client that the body is incomplete.
    target.destroy();
  }
}
