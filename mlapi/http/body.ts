import { Busboy } from '@fastify/busboy';
import type { Request, Response } from 'express';
import { Problem } from './problem.ts';
import { decodeUtf8, parseStrictJson } from './strict-json.ts';

/** Reads a request's body, or refuses it. */
export interface BodyReader {
  readonly mediaTypes: readonly string[];
  readonly isOptional: boolean;
  read(request: Request, response: Response): Promise<unknown>;
}

const maxFields = 8;
const firstBufferBytes = 4_096;

type Parse = (bytes: Buffer, contentType: string) => unknown;

const parsers: Readonly<Record<string, Parse>> = {
  'application/json': parseStrictJson,
  'application/x-www-form-urlencoded': parseUrlencoded,
  'multipart/form-data': parseMultipart,
};

/** A body in strict JSON of at most `limitBytes`. */
export function jsonBody(limitBytes: number): BodyReader {
  const mediaTypes = ['application/json'];
  return { mediaTypes, isOptional: false, read: readerOf(mediaTypes, limitBytes) };
}

/** A flat form, as JSON, urlencoded or multipart, of at most `limitBytes`. */
export function formBody(limitBytes: number): BodyReader {
  const mediaTypes = Object.keys(parsers);
  return { mediaTypes, isOptional: false, read: readerOf(mediaTypes, limitBytes) };
}

/** The same where a body may be left out: then it is an empty object. */
export function optionalFormBody(limitBytes: number): BodyReader {
  const form = formBody(limitBytes);
  const read: BodyReader['read'] = (request, response) =>
    hasBody(request) ? form.read(request, response) : Promise.resolve({});
  return { ...form, isOptional: true, read };
}

function readerOf(mediaTypes: readonly string[], limitBytes: number): BodyReader['read'] {
  return async (request, response) => {
    const contentType = request.headers['content-type'] ?? '';
    const mediaType = readMediaType(contentType);
    const parse = mediaTypes.includes(mediaType) ? parsers[mediaType] : undefined;
    if (parse === undefined) {
      const accept = mediaTypes.join(', ');
      throw new Problem(415, 'unsupported_media_type', `The body must be ${accept}.`, {
        headers: { accept },
      });
    }
    if ((request.headers['content-encoding'] ?? 'identity').toLowerCase() !== 'identity') {
      throw new Problem(415, 'unsupported_media_type', 'The body must not be compressed.', {
        headers: { 'accept-encoding': 'identity' },
      });
    }
    if (Number(request.headers['content-length'] ?? 0) > limitBytes) throw tooLarge();
    // Only now is the sender of an "Expect: 100-continue" told to go on; HTTP/1.0 does not know it.
    if (request.headers.expect !== undefined && request.httpVersion === '1.1') response.writeContinue();
    return parse(await readBytes(request, limitBytes), contentType);
  };
}

/** The body, read no further than its limit: body-parser reads what it refuses to its end. */
function readBytes(request: Request, limitBytes: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    // One buffer that grows: each chunk kept as it came would cost hundreds of bytes, and may hold a single one.
    let bytes = Buffer.allocUnsafe(Math.min(limitBytes, firstBufferBytes));
    let length = 0;
    const settle = (action: () => void) => {
      request.off('data', take).off('end', finish).off('error', fail).off('close', fail);
      action();
    };
    const take = (chunk: Buffer) => {
      const needed = length + chunk.length;
      if (needed > limitBytes) {
        settle(() => reject(tooLarge()));
        return;
      }
      if (needed > bytes.length) {
        const larger = Buffer.allocUnsafe(Math.min(limitBytes, Math.max(2 * bytes.length, needed)));
        bytes.copy(larger, 0, 0, length);
        bytes = larger;
      }
      chunk.copy(bytes, length);
      length = needed;
    };
    const finish = () =>
      settle(() => (request.rawTrailers.length > 0 ? reject(hasTrailers()) : resolve(bytes.subarray(0, length))));
    const fail = () => settle(() => reject(new Problem(400, 'invalid_request', 'The body broke off.')));
    request.on('data', take).on('end', finish).on('error', fail).on('close', fail);
    if (request.destroyed) fail();
  });
}

function tooLarge(): Problem {
  return new Problem(413, 'body_too_large', 'The body is larger than this service takes.');
}

/** Nothing here reads trailers, and a proxy might take one for a header. */
function hasTrailers(): Problem {
  return new Problem(400, 'invalid_request', 'Trailers are not supported.', {
    headers: { connection: 'close' },
  });
}

/** The media type in lower case, or an empty string where its parameters are not ours to take. */
function readMediaType(contentType: string): string {
  const [type = '', ...parameters] = contentType
    .toLowerCase()
    .split(';')
    .map((part) => part.trim())
    // RFC 9110 section 5.6.6 allows empty parameters.
    .filter((part, index) => index === 0 || part !== '');
  const isMultipart = type === 'multipart/form-data';
  const isFine = parameters.every(
    (parameter) => isMultipart || parameter === 'charset=utf-8' || parameter === 'charset="utf-8"',
  );
  return isFine ? type : '';
}

function hasBody({ headers }: Request): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}

function invalidForm(cause?: unknown): Problem {
  return new Problem(400, 'invalid_request', 'The form is malformed, or has a field twice.', { cause });
}

function parseUrlencoded(bytes: Buffer): Record<string, string> {
  const fields: [string, string][] = [];
  for (const pair of decodeUtf8(bytes).split('&')) {
    if (pair === '') continue;
    const equals = pair.includes('=') ? pair.indexOf('=') : pair.length;
    fields.push([decodePart(pair.slice(0, equals)), decodePart(pair.slice(equals + 1))]);
  }
  return toForm(fields);
}

function decodePart(part: string): string {
  try {
    return decodeURIComponent(part.replaceAll('+', ' '));
  } catch (cause) {
    throw invalidForm(cause);
  }
}

async function parseMultipart(bytes: Buffer, contentType: string): Promise<Record<string, string>> {
  const fields: [string, string][] = [];
  await new Promise<void>((resolve, reject) => {
    const refuse = (cause?: unknown) => reject(invalidForm(cause));
    let parser: InstanceType<typeof Busboy>;
    try {
      // Read as bytes, and decoded by us: the parser would let invalid UTF-8 pass.
      const defCharset = 'latin1';
      const limits = { files: 0, fields: maxFields, parts: maxFields, fieldNameSize: 64 };
      parser = new Busboy({ headers: { 'content-type': contentType }, limits, defCharset });
    } catch (cause) {
      refuse(cause);
      return;
    }
    parser.on('field', (name, value, isNameCut, isValueCut) => {
      if (isNameCut || isValueCut) refuse();
      try {
        fields.push([name, decodeField(value)]);
      } catch (cause) {
        refuse(cause);
      }
    });
    for (const limit of ['filesLimit', 'fieldsLimit', 'partsLimit', 'error'] as const) parser.on(limit, refuse);
    parser.on('finish', resolve);
    parser.end(bytes);
  });
  return toForm(fields);
}

function decodeField(text: string): string {
  return decodeUtf8(Buffer.from(text, 'latin1'));
}

function toForm(fields: readonly [string, string][]): Record<string, string> {
  if (new Set(fields.map(([name]) => name)).size !== fields.length) throw invalidForm();
  return Object.fromEntries(fields);
}
