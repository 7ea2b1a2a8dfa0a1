import { parseStrictJson } from '../../http/body/strict-json.ts';

const maxTokenLength = 4_096;
const threeParts = /^([A-Za-z0-9_-]{1,1024})\.([A-Za-z0-9_-]{1,2048})\.([A-Za-z0-9_-]{1,1024})$/;
const headerNames = ['alg', 'kid', 'typ'];

/** A rejected token. The reason is for tests and logs; callers never learn it. */
export class TokenRejected extends Error {
  constructor(reason: string, options?: ErrorOptions) {
    super(reason, options);
    this.name = 'TokenRejected';
  }
}

/** The decoded parts of a JWS, not yet verified. */
export interface CompactJws {
  readonly alg: string;
  readonly kid: string;
  readonly typ: string;
  readonly claims: Readonly<Record<string, unknown>>;
}

/**
 * Parses a token as strictly as RFC 7515 and RFC 8725 allow: compact form only, canonical base64url, unique JSON names, and a header of
 * exactly `alg`, `kid` and `typ`. This rejects `crit`, `b64`, `jwk`, `jku` and the like.
 * @throws {TokenRejected}
 */
export function parseCompactJws(token: string): CompactJws {
  if (token.length > maxTokenLength) throw new TokenRejected('too long');
  const [, headerPart, payloadPart, signaturePart] = threeParts.exec(token) ?? [];
  if (headerPart === undefined || payloadPart === undefined || signaturePart === undefined) {
    throw new TokenRejected('not a compact JWS');
  }
  const header = parseObject(decodeCanonical(headerPart));
  const claims = parseObject(decodeCanonical(payloadPart));
  decodeCanonical(signaturePart);
  if (Object.keys(header).sort().join() !== headerNames.join()) throw new TokenRejected('header names');
  const { alg, kid, typ } = header;
  if (typeof alg !== 'string' || typeof kid !== 'string' || typeof typ !== 'string')
    throw new TokenRejected('header types');
  return { alg, kid, typ, claims };
}

/** The last base64url character may have unused bits. Only zeros are accepted, so that each token has one spelling. */
function decodeCanonical(part: string): Buffer {
  const bytes = Buffer.from(part, 'base64url');
  if (bytes.toString('base64url') !== part) throw new TokenRejected('base64url is not canonical');
  return bytes;
}

function parseObject(bytes: Buffer): Record<string, unknown> {
  let value: unknown;
  try {
    value = parseStrictJson(bytes);
  } catch (cause) {
    throw new TokenRejected('not strict JSON', { cause });
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new TokenRejected('not an object');
  if (Object.hasOwn(value, '__proto__')) throw new TokenRejected('__proto__');
  return value as Record<string, unknown>;
}
