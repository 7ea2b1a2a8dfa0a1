import { parseStrictJson } from '../../http/body/strict-json.ts';

const maxTokenLength = 4_096;
const threeParts = /^([A-Za-z0-9_-]{1,1024})\.([A-Za-z0-9_-]{1,2048})\.([A-Za-z0-9_-]{1,1024})$/;
const headerNames = ['alg', 'kid', 'typ'];

/** A token that is refused. The reason is for tests and logs: callers learn that it is refused, never why. */
export class TokenRejected extends Error {
  constructor(reason: string, options?: ErrorOptions) {
    super(reason, options);
    this.name = 'TokenRejected';
  }
}

/** The parts of a JWS, decoded and not yet verified. */
export interface CompactJws {
  readonly alg: string;
  readonly kid: string;
  readonly typ: string;
  readonly claims: Readonly<Record<string, unknown>>;
}

/**
 * Takes a token apart as strictly as RFC 7515 and RFC 8725 allow: the compact form only, one spelling of each byte, unique
 * JSON names, and a header of exactly `alg`, `kid` and `typ`, so that `crit`, `b64`, `jwk`, `jku` and their like are refused.
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

/** base64url has unused trailing bits: only the spelling with zeros there is the token that we issued. */
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
