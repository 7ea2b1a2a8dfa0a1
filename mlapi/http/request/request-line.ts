import type { IncomingMessage } from 'node:http';
import { Problem } from '../problem.ts';

/** More headers are rejected with 431. */
export const maxHeaders = 100;
const maxTargetLength = 2_048;
/**
 * Every path of this service consists of these segments, so nothing needs normalising. Only the `@` of an alias may be escaped, because
 * clients generated from the OpenAPI document escape it. A colon needs no escaping and occurs in paths of other protocols.
 */
const canonicalPath =
  /^(?:\/|(?:\/(?:%40|[A-Za-z0-9_@-])[A-Za-z0-9._@:-]*)+\/?|\/\.well-known\/[a-z][a-z-]*(?:\.[a-z]+)?\/?)$/;
/** RFC 3986 host and port. The name is never used, so any is accepted. */
const wellFormedHost = /^(?:[A-Za-z0-9._~-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?$/;
const onlyOnce = new Set(['host', 'authorization', 'content-type', 'content-length', 'transfer-encoding', 'expect']);

/**
 * Rejects what a proxy and this server might parse differently: escaped, empty or dotted path segments, absolute targets, repeated headers,
 * ambiguous body framing (RFC 9112 section 6).
 * @throws {Problem} 400, 414, 417, 431 or 501
 */
export function checkRequestLine(request: IncomingMessage): void {
  checkHeaders(request);
  checkFraming(request);
  const { url = '' } = request;
  const path = url.split('?', 1)[0] ?? '';
  if (url.length > maxTargetLength) throw new Problem(414, 'target_too_long', 'The request target is too long.');
  if (!canonicalPath.test(path) || url.includes('#')) {
    throw new Problem(400, 'invalid_path', 'The path is not in its canonical form.');
  }
}

function checkHeaders({ rawHeaders, headers, httpVersion }: IncomingMessage): void {
  if (rawHeaders.length / 2 > maxHeaders) throw refuse(431, 'too_many_headers', 'Too many headers.');
  // Node merges repeated headers, so equal counts mean that none is repeated.
  if (Object.keys(headers).length < rawHeaders.length / 2) checkRepeated(rawHeaders);
  const { host, expect } = headers;
  if (host === undefined ? httpVersion !== '1.0' : !wellFormedHost.test(host)) {
    throw refuse(400, 'invalid_request', 'The Host header is missing or malformed.');
  }
  if (expect !== undefined && expect.toLowerCase() !== '100-continue') {
    throw refuse(417, 'invalid_request', 'Only "Expect: 100-continue" is supported.');
  }
}

function checkRepeated(rawHeaders: readonly string[]): void {
  const seen = new Set<string>();
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at]?.toLowerCase() ?? '';
    if (!onlyOnce.has(name)) continue;
    if (seen.has(name)) throw refuse(400, 'invalid_request', `The header ${name} is repeated.`);
    seen.add(name);
  }
}

function checkFraming({ headers, httpVersion }: IncomingMessage): void {
  const coding = headers['transfer-encoding'];
  if (httpVersion !== '1.1' && (httpVersion !== '1.0' || coding !== undefined)) {
    throw refuse(400, 'invalid_request', 'HTTP/1.1 is required.');
  }
  if (coding !== undefined && coding.toLowerCase() !== 'chunked') {
    throw refuse(501, 'unsupported_transfer_coding', 'Only the transfer coding chunked is supported.');
  }
}

/** Closes the connection, because the end of the request is ambiguous. */
function refuse(status: number, code: string, message: string): Problem {
  return new Problem(status, code, message, { headers: { connection: 'close' } });
}
