import type { ServerResponse } from 'node:http';
import type { Writable } from 'node:stream';
import { createDeflate, createGzip } from 'node:zlib';
import { yieldToEventLoop } from '../event-loop.ts';

/** Content encodings that answers may have; `deflate` is the zlib format (RFC 9110 section 8.4.1.2). */
export type Compression = 'gzip' | 'deflate';

/** A piece of an answer: text, or bytes that are not copied. */
export type Chunk = string | Uint8Array;

const compressors = { gzip: createGzip, deflate: createDeflate };
const compressedPieceBytes = 65_536;

/**
 * Writes an answer piece by piece, each in a turn of the event loop of its own and once the one before has left: a slow reader has
 * one piece waiting, compressed or not, and others are served in between. Nothing more is made once the client is gone.
 */
export function sendChunks(response: ServerResponse, chunks: Iterable<Chunk>, compression?: Compression): void {
  const pieces = chunks[Symbol.iterator]();
  if (compression === undefined) {
    writeNext(response, pieces);
    return;
  }
  const compressor = compressors[compression]({ chunkSize: compressedPieceBytes });
  // `pipeline` listens to a response so often that Node warns of a leak with each answer, past the log.
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
    // The status has left: only a connection that breaks off says that this is not all.
    target.destroy();
  }
}
