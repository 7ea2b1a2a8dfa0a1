import type { Request, RequestHandler } from 'express';
import { Problem } from './problem.ts';

const maxTargetLength = 2_048;
/** Every path of this service is made of such segments, so nothing ever needs decoding or normalising. */
const canonicalPath = /^(?:\/|(?:\/[A-Za-z0-9_@-][A-Za-z0-9._@-]*)+\/?|\/\.well-known\/[a-z.-]+\/?)$/;
const onlyOnce = ['host', 'authorization', 'content-type', 'content-length', 'transfer-encoding', 'expect'];

/**
 * Refuses what two servers in a row might read differently: escaped, empty or dotted path segments, absolute targets,
 * repeated headers, transfer codings other than chunked (RFC 9112 section 6).
 */
export const strictRequestLine: RequestHandler = (request, _response, next) => {
  const path = request.url.split('?', 1)[0] ?? '';
  if (request.url.length > maxTargetLength)
    throw new Problem(414, 'target_too_long', 'The request target is too long.');
  if (!canonicalPath.test(path) || request.url.includes('#')) {
    throw new Problem(400, 'invalid_path', 'The path is not in its canonical form.');
  }
  for (const name of onlyOnce) {
    if (countHeader(request, name) > 1) {
      throw new Problem(400, 'invalid_request', `The header ${name} is repeated.`, {
        headers: { connection: 'close' },
      });
    }
  }
  const coding = request.headers['transfer-encoding'];
  if (coding !== undefined && coding.toLowerCase() !== 'chunked') {
    throw new Problem(501, 'unsupported_transfer_coding', 'Only chunked is supported.', {
      headers: { connection: 'close' },
    });
  }
  next();
};

function countHeader({ rawHeaders }: Request, name: string): number {
  let count = 0;
  for (let at = 0; at < rawHeaders.length; at += 2) if (rawHeaders[at]?.toLowerCase() === name) count += 1;
  return count;
}
