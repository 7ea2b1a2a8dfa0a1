import type { IncomingMessage, ServerResponse } from 'node:http';
import { yieldToEventLoop } from '../event-loop.ts';
import type { Exchange } from '../exchange.ts';
import { Problem, serviceBusy } from '../problem.ts';
import { CollectingRequest } from './collecting-request.ts';
import { parseMultipart, parseUrlencoded } from './forms.ts';
import { inflate, isInflatable } from './inflate.ts';
import { MemoryQuota } from './memory-quota.ts';
import { brokeOff, hasTrailers, tooLarge, tooManyPieces } from './problems.ts';
import { StreamedBody } from './streamed-body.ts';
import { parseStrictJson } from './strict-json.ts';

/** Reads or rejects a request body. */
export interface BodyReader<Read = unknown> {
  readonly mediaTypes: readonly string[];
  readonly isOptional: boolean;
  readonly read: (exchange: Exchange) => Promise<Read>;
}

/** Incomplete bodies per client, and of all clients. Without a limit, thousands of unfinished bodies would fill the memory. */
const maxWholeBodies = 32;
const maxAllBodies = 96;
/** A piece costs about the same whether it holds one byte or a thousand. Forms sent without a token are small. */
const maxPiecesOfStrangers = 256;
/** Long enough for a multipart boundary of 70 characters (RFC 2046). */
const maxTypeLength = 256;
const firstBufferBytes = 4_096;
/** From this size on, parsing takes about as long as one turn of the event loop may. */
const largeBytes = 65_536;
const nothing = Buffer.alloc(0);

type Parse = (bytes: Buffer, contentType: string) => unknown;

const parsers: Readonly<Record<string, Parse>> = {
  'application/json': parseStrictJson,
  'application/x-www-form-urlencoded': parseUrlencoded,
  'multipart/form-data': parseMultipart,
};

/** Streamed to the handler. */
const binary = 'application/octet-stream';
const utf8Charset = ['charset=utf-8', 'charset="utf-8"'];

/** A media type whose bodies are read by the handler as they arrive. */
interface StreamedType {
  readonly mediaType: string;
  /** Parameters that it may have besides the charset UTF-8, in lower case. */
  readonly parameters: readonly string[];
  /** Makes of a body what the handler gets. */
  readonly wrap: (body: StreamedBody) => unknown;
}

/** Rows of at most `limitBytes`: strict JSON, or one of the streamed types. */
export function rowsBody(limitBytes: number, streamed: readonly StreamedType[]): BodyReader {
  const mediaTypes = ['application/json', ...streamed.map(({ mediaType }) => mediaType)];
  return { mediaTypes, isOptional: false, read: readerOf(mediaTypes, limitBytes, { streamed }) };
}

/** A file of at most `limitBytes` as a `StreamedBody`: the whole body, or one part of a multipart form. */
export function fileBody(limitBytes: number): BodyReader<StreamedBody> {
  const mediaTypes = [binary, 'multipart/form-data'];
  return { mediaTypes, isOptional: false, read: readerOf(mediaTypes, limitBytes, { isStreamed: true }) };
}

/** A strict JSON document of at most `limitBytes`. */
export function jsonBody(limitBytes: number): BodyReader {
  const mediaTypes = ['application/json'];
  return { mediaTypes, isOptional: false, read: readerOf(mediaTypes, limitBytes) };
}

/** A flat form of at most `limitBytes`: JSON, urlencoded or multipart. */
export function formBody(limitBytes: number): BodyReader {
  const mediaTypes = Object.keys(parsers);
  return { mediaTypes, isOptional: false, read: readerOf(mediaTypes, limitBytes) };
}

/** A urlencoded form of at most `limitBytes`; no other media type is accepted. */
export function urlencodedBody(limitBytes: number): BodyReader {
  const mediaTypes = ['application/x-www-form-urlencoded'];
  return { mediaTypes, isOptional: false, read: readerOf(mediaTypes, limitBytes) };
}

/** Like `formBody`, but the body is optional and defaults to an empty object. */
export function optionalFormBody(limitBytes: number): BodyReader {
  const form = formBody(limitBytes);
  const read: BodyReader['read'] = (exchange) =>
    hasBody(exchange.request) ? form.read(exchange) : Promise.resolve({});
  return { ...form, isOptional: true, read };
}

/**
 * Raw bytes of at most `limitBytes`, before and after inflating. The only body that may be compressed, and whose media type may be absent.
 */
export function bytesBody(mediaTypes: readonly string[], limitBytes: number, isOptional = false): BodyReader<Buffer> {
  return { mediaTypes, isOptional, read: readerOf(mediaTypes, limitBytes, { takesBytes: true }) };
}

interface ReaderOptions {
  /** Stream every media type to the handler. */
  readonly isStreamed?: boolean;
  /** Stream these to the handler. */
  readonly streamed?: readonly StreamedType[];
  /** Pass the complete body on without parsing it. */
  readonly takesBytes?: boolean;
}

function readerOf(
  mediaTypes: readonly string[],
  limitBytes: number,
  options: { readonly isStreamed: true },
): BodyReader<StreamedBody>['read'];
function readerOf(
  mediaTypes: readonly string[],
  limitBytes: number,
  options: { readonly takesBytes: true },
): BodyReader<Buffer>['read'];
function readerOf(
  mediaTypes: readonly string[],
  limitBytes: number,
  options?: { readonly streamed: readonly StreamedType[] },
): BodyReader['read'];
function readerOf(
  mediaTypes: readonly string[],
  limitBytes: number,
  { isStreamed = false, takesBytes = false, streamed = [] }: ReaderOptions = {},
): BodyReader['read'] {
  const unfinished = new MemoryQuota({
    clientBytes: maxWholeBodies * limitBytes,
    allBytes: maxAllBodies * limitBytes,
  });
  return async ({ request, response, session }) => {
    const contentType = request.headers['content-type'] ?? '';
    const mediaType = contentType === 'application/json' ? contentType : readMediaType(contentType, streamed);
    if (!mediaTypes.includes(mediaType) && !(takesBytes && contentType === '')) {
      const accept = mediaTypes.join(', ');
      throw new Problem(415, 'unsupported_media_type', `The body must be ${mediaTypes.join(' or ')}.`, {
        headers: { accept },
      });
    }
    const encoding = (request.headers['content-encoding'] ?? 'identity').toLowerCase();
    if (encoding !== 'identity' && !(takesBytes && isInflatable(encoding))) {
      const wanted = takesBytes ? 'compressed with gzip or deflate, or not' : 'as it is, and not compressed';
      throw new Problem(415, 'unsupported_media_type', `The body must be ${wanted}.`, {
        headers: { 'accept-encoding': takesBytes ? 'gzip, deflate' : 'identity' },
      });
    }
    if (Number(request.headers['content-length'] ?? 0) > limitBytes) throw tooLarge();
    // Only now may the sender of "Expect: 100-continue" go on. HTTP/1.0 does not know it.
    if (request.headers.expect !== undefined && request.httpVersion === '1.1') response.writeContinue();
    // Unauthenticated requests send small forms only; the number of connections bounds their memory.
    const clientId = session?.clientId;
    const parse = isStreamed ? undefined : takesBytes ? (bytes: Buffer) => bytes : parsers[mediaType];
    if (parse === undefined) {
      const about = { request, response, limitBytes, unfinished, clientId: clientId ?? '', contentType };
      const body = new StreamedBody(about);
      const type = streamed.find((each) => each.mediaType === mediaType);
      return type === undefined ? body : type.wrap(body);
    }
    let held = 0;
    const hold = (bytes: number) => {
      if (clientId === undefined) return true;
      if (!unfinished.take(clientId, bytes)) return false;
      held += bytes;
      return true;
    };
    const holdInflated = (bytes: number) => {
      if (clientId === undefined || response.closed) return;
      if (!unfinished.take(clientId, bytes)) throw serviceBusy();
      response.once('close', () => unfinished.give(clientId, bytes));
    };
    try {
      const maxPieces = clientId === undefined ? maxPiecesOfStrangers : Infinity;
      const sent = await readBytes({ request, response, limitBytes, hold, maxPieces });
      const bytes = isInflatable(encoding) ? await inflate(sent, encoding, limitBytes) : sent;
      // Inflated data may be a thousand times as large, and tensors refer to it: it counts until the response closes.
      if (bytes !== sent) holdInflated(bytes.length);
      if (bytes.length > largeBytes) await yieldToEventLoop();
      return parse(bytes, contentType);
    } finally {
      if (held > 0) unfinished.give(clientId!, held);
    }
  };
}

interface Reading {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly limitBytes: number;
  /** Reserves memory. @returns false if there is none left */
  readonly hold: (bytes: number) => boolean;
  /** Most pieces in which the body may arrive. */
  readonly maxPieces: number;
}

/** Reads a body, never past its limit. The body-parser library reads rejected bodies to their end. */
function readBytes({ request, response, limitBytes, hold, maxPieces }: Reading): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const declaredLength = Number(request.headers['content-length']);
    const maxBytes = Math.min(limitBytes, Number.isNaN(declaredLength) ? limitBytes : declaredLength);
    let bytes: Buffer = nothing;
    let length = 0;
    let pieces = 0;
    // The listeners are collected with the request: removing them would cost more than it saves.
    let isSettled = false;
    const finish = (whole: Buffer) => {
      isSettled = true;
      bytes = nothing;
      resolve(whole);
    };
    const refuse = (problem: Problem) => {
      isSettled = true;
      bytes = nothing;
      reject(problem);
    };
    const take = (chunk: Buffer) => {
      if (isSettled) return;
      pieces += 1;
      if (pieces > maxPieces) {
        refuse(tooManyPieces(maxPieces));
        return;
      }
      const needed = length + chunk.length;
      if (needed > limitBytes) {
        refuse(tooLarge());
        return;
      }
      if (chunk.length === declaredLength) {
        // The whole body in one piece, as small bodies arrive.
        finish(chunk);
        return;
      }
      // One growing buffer: a list of chunks would cost hundreds of bytes for each, even for one-byte chunks.
      if (needed > bytes.length) {
        const capacity = Math.min(maxBytes, Math.max(firstBufferBytes, 4 * needed));
        if (!hold(capacity - bytes.length)) {
          refuse(serviceBusy());
          return;
        }
        const larger = Buffer.allocUnsafe(capacity);
        bytes.copy(larger, 0, 0, length);
        bytes = larger;
      }
      chunk.copy(bytes, length);
      length = needed;
    };
    const end = () => {
      if (isSettled) return;
      if (request.rawTrailers.length > 0) refuse(hasTrailers());
      else finish(bytes.subarray(0, length));
    };
    const fail = () => {
      if (!isSettled) refuse(brokeOff());
    };
    const isCollected =
      request instanceof CollectingRequest && request.collect((chunk) => (chunk === null ? end() : take(chunk)));
    if (!isCollected) request.on('data', take).on('end', end).on('error', fail);
    // Node never closes a request whose body broke off after it was answered.
    response.on('close', fail);
    if (request.destroyed) fail();
  });
}

/** Returns the media type in lower case, or an empty string if its parameters are not supported. */
function readMediaType(contentType: string, streamed: readonly StreamedType[]): string {
  if (contentType.length > maxTypeLength) return '';
  const [type = '', ...parameters] = contentType
    .toLowerCase()
    .split(';')
    .map((part) => part.trim())
    // RFC 9110 section 5.6.6 allows empty parameters.
    .filter((part, index) => index === 0 || part !== '');
  const isMultipart = type === 'multipart/form-data';
  const ours = [...utf8Charset, ...(streamed.find(({ mediaType }) => mediaType === type)?.parameters ?? [])];
  const isFine = isMultipart || parameters.every((parameter) => ours.includes(parameter));
  return isFine ? type : '';
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}
