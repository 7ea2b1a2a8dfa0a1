import { promisify } from 'node:util';
import { deflate, gzip } from 'node:zlib';
import type { EndpointResponse } from '../http/endpoint.ts';
import type { Compression } from '../http/response/chunks.ts';
import type { WrittenResponse } from './infer/infer-response.ts';
import type { LongResponse } from './infer/long-response.ts';

const compressors = { gzip: promisify(gzip), deflate: promisify(deflate) };

/** Responses up to this size are sent faster as text, in one write with their headers. */
const fewBytes = 4_096;
const jsonHeaders = { 'content-type': 'application/json' };

/** Builds a short response, compressed if the client accepts it. @param accepted `Accept-Encoding` of the request */
export function shortResponse(
  written: WrittenResponse,
  accepted: string | undefined,
): EndpointResponse | Promise<EndpointResponse> {
  const encoding = accepted === undefined ? undefined : chooseEncoding(accepted);
  const { json, isBinary } = written;
  if (encoding !== undefined) return compress(bytesResponse(written), encoding);
  if (!isBinary) return { headers: jsonHeaders, body: json };
  return lengthOf(written) <= fewBytes ? textResponse(written) : bytesResponse(written);
}

/** Builds a long response, made and compressed piece by piece while the client reads it. */
export function longResponse(
  { jsonBytes, bytes, pieces }: LongResponse,
  accepted: string | undefined,
): EndpointResponse {
  const compression = accepted === undefined ? undefined : chooseEncoding(accepted);
  const headers: Record<string, string> = jsonBytes === undefined ? { ...jsonHeaders } : binaryHeaders(jsonBytes);
  if (bytes !== undefined && compression === undefined) headers['content-length'] = String(bytes);
  return { headers, chunks: pieces, compression };
}

/** Approximate size: characters of the JSON plus bytes of the binary data. */
function lengthOf({ json, binary }: WrittenResponse): number {
  let length = json.length;
  for (const bytes of binary) length += bytes.length;
  return length;
}

function textResponse({ json, binary }: WrittenResponse): EndpointResponse {
  const text = /[^ -~]/.test(json) ? Buffer.from(json).toString('latin1') : json;
  let latin1 = text;
  for (const bytes of binary) latin1 += bytes.toString('latin1');
  return { headers: binaryHeaders(text.length), latin1 };
}

function binaryHeaders(jsonBytes: number): Record<string, string> {
  return { 'content-type': 'application/octet-stream', 'inference-header-content-length': String(jsonBytes) };
}

interface BytesResponse {
  readonly headers: Record<string, string>;
  readonly body: Buffer;
}

function bytesResponse({ json, isBinary, binary }: WrittenResponse): BytesResponse {
  const length = Buffer.byteLength(json);
  return { headers: isBinary ? binaryHeaders(length) : jsonHeaders, body: joinBytes(json, length, binary) };
}

async function compress({ headers, body }: BytesResponse, encoding: Compression): Promise<EndpointResponse> {
  return { headers: { ...headers, 'content-encoding': encoding }, body: await compressors[encoding](body) };
}

function joinBytes(text: string, length: number, binary: readonly Buffer[]): Buffer {
  const whole = Buffer.allocUnsafe(binary.reduce((sum, bytes) => sum + bytes.length, length));
  let at = whole.write(text);
  for (const bytes of binary) at += bytes.copy(whole, at);
  return whole;
}

/** Chooses an encoding that the header names with a weight above 0, gzip first (RFC 9110 section 12.5.3). */
function chooseEncoding(accepted: string): Compression | undefined {
  const named = accepted
    .toLowerCase()
    .split(',')
    .map((each) => each.split(';').map((part) => part.trim()))
    .filter(([, weight = 'q=1']) => !/^q=0(?:\.0*)?$/.test(weight))
    .map(([name]) => name);
  if (named.includes('gzip')) return 'gzip';
  return named.includes('deflate') ? 'deflate' : undefined;
}
