import { pipeline } from 'node:stream';
import type { EndpointResponse } from '../endpoint.ts';
import type { Exchange } from '../exchange.ts';
import { sendChunks } from './chunks.ts';

/** Writes a response. */
export function send(
  exchange: Exchange,
  { status = 200, headers: own, body, latin1, chunks, compression, stream }: EndpointResponse,
): void {
  const { response, headers } = exchange;
  const isText = typeof body === 'string' || Buffer.isBuffer(body);
  if (body !== undefined) headers.set('content-type', isText ? 'text/plain; charset=utf-8' : 'application/json');
  for (const name in own) headers.set(name.toLowerCase(), own[name]!);
  if (latin1 !== undefined) {
    headers.set('content-length', String(latin1.length));
    response.writeHead(status, headers.flat).end(latin1, 'latin1');
    return;
  }
  if (chunks !== undefined) {
    if (compression !== undefined) headers.set('content-encoding', compression);
    sendChunks(response.writeHead(status, headers.flat), chunks, compression);
    return;
  }
  if (stream !== undefined) {
    pipeline(stream, response.writeHead(status, headers.flat), () => undefined);
    return;
  }
  const content = isText ? body : body === undefined ? '' : JSON.stringify(body);
  const length = Buffer.byteLength(content);
  exchange.reserve(length);
  if (status !== 204 && status !== 304) headers.set('content-length', String(length));
  // `content` is not copied, so that slow readers share the same bytes.
  response.writeHead(status, headers.flat).end(content);
}
