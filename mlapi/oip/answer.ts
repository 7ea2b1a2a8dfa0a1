import { setImmediate as nextTurn } from 'node:timers/promises';
import { promisify } from 'node:util';
import { deflate, gzip } from 'node:zlib';
import type { Answer } from '../http/endpoint.ts';
import type { WrittenResponse } from './infer-response.ts';

/** So much text is made in one turn of the event loop. */
const charactersPerTurn = 65_536;

/** `deflate` is the zlib format (RFC 9110 section 8.4.1.2). */
const compressors = { gzip: promisify(gzip), deflate: promisify(deflate) };

/** So many bytes go out faster as text, in one piece with their headers. */
const fewBytes = 4_096;

/** The answer as it goes out, compressed where the caller asks for that. @param accepted its `Accept-Encoding` */
export function toAnswer(written: WrittenResponse, accepted: string | undefined): Answer | Promise<Answer> {
  const encoding = accepted === undefined ? undefined : chooseEncoding(accepted);
  const { json, isBinary } = written;
  if (encoding === undefined && !isBinary) return jsonAnswer(json, written.heldBytes);
  if (typeof json !== 'string') return collect(json).then((text) => finish(text, written, encoding));
  return encoding === undefined && lengthOf(json, written) <= fewBytes
    ? shortAnswer(json, written)
    : finish(json, written, encoding);
}

/** Of a text as it is, in characters, and the binary data behind it, in bytes. */
function lengthOf(text: string, { binary }: WrittenResponse): number {
  let length = text.length;
  for (const bytes of binary) length += bytes.length;
  return length;
}

function shortAnswer(text: string, { binary }: WrittenResponse): Answer {
  const json = /[^ -~]/.test(text) ? Buffer.from(text).toString('latin1') : text;
  let latin1 = json;
  for (const bytes of binary) latin1 += bytes.toString('latin1');
  return { headers: binaryHeaders(json.length), latin1 };
}

function binaryHeaders(jsonBytes: number): Record<string, string> {
  return { 'content-type': 'application/octet-stream', 'inference-header-content-length': String(jsonBytes) };
}

function finish(
  text: string,
  written: WrittenResponse,
  encoding: keyof typeof compressors | undefined,
): Answer | Promise<Answer> {
  const answer = bytesAnswer(text, written);
  return encoding === undefined ? answer : compress(answer, encoding);
}

interface BytesAnswer {
  readonly headers: Record<string, string>;
  readonly body: Buffer;
}

function bytesAnswer(text: string, { isBinary, binary }: WrittenResponse): BytesAnswer {
  const length = Buffer.byteLength(text);
  const headers: Record<string, string> = isBinary ? binaryHeaders(length) : { 'content-type': 'application/json' };
  return { headers, body: joinBytes(text, length, binary) };
}

async function compress({ headers, body }: BytesAnswer, encoding: keyof typeof compressors): Promise<Answer> {
  return { headers: { ...headers, 'content-encoding': encoding }, body: await compressors[encoding](body) };
}

function joinBytes(text: string, length: number, binary: readonly Buffer[]): Buffer {
  const whole = Buffer.allocUnsafe(binary.reduce((sum, bytes) => sum + bytes.length, length));
  let at = whole.write(text);
  for (const bytes of binary) at += bytes.copy(whole, at);
  return whole;
}

/** At once where it is short, piece by piece where it is long. */
function jsonAnswer(json: string | Iterable<string>, heldBytes: number): Answer {
  const headers = { 'content-type': 'application/json' };
  if (typeof json === 'string') return { headers, body: json };
  const pieces = json[Symbol.iterator]();
  let text = '';
  for (let next = pieces.next(); next.done !== true; next = pieces.next()) {
    text += next.value;
    if (text.length < charactersPerTurn) continue;
    const first = text;
    const chunks = function* () {
      yield first;
      for (let more = pieces.next(); more.done !== true; more = pieces.next()) yield more.value;
    };
    return { headers, chunks: chunks(), heldBytes };
  }
  return { headers, body: text };
}

async function collect(pieces: Iterable<string>): Promise<string> {
  let text = '';
  let inTurn = 0;
  for (const piece of pieces) {
    text += piece;
    inTurn += piece.length;
    if (inTurn < charactersPerTurn) continue;
    inTurn = 0;
    await nextTurn();
  }
  return text;
}

/** One that the header names, and not with a weight of 0; gzip first (RFC 9110 section 12.5.3). */
function chooseEncoding(accepted: string): keyof typeof compressors | undefined {
  const named = accepted
    .toLowerCase()
    .split(',')
    .map((each) => each.split(';').map((part) => part.trim()))
    .filter(([, weight = 'q=1']) => !/^q=0(?:\.0*)?$/.test(weight))
    .map(([name]) => name);
  if (named.includes('gzip')) return 'gzip';
  return named.includes('deflate') ? 'deflate' : undefined;
}
