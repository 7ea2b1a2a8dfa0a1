import type { ServerResponse } from 'node:http';

/**
 * Writes an answer piece by piece, each in a turn of the event loop of its own, once the one before has left: whoever reads slowly
 * has one piece waiting, and others are served in between.
 */
export function writeChunks(response: ServerResponse, chunks: Iterator<string>): void {
  const next = chunks.next();
  if (next.done === true) {
    response.end();
    return;
  }
  const goOn = () => setImmediate(writeChunks, response, chunks);
  if (response.write(next.value)) goOn();
  else response.once('drain', goOn);
}
