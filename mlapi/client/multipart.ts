import { randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { streamedPayload, type Chunk, type Payload } from './payload.ts';

/** Path of a file, or its bytes. */
export type FileSource = string | Uint8Array;

/** A part of a multipart form (RFC 7578). */
export interface Part {
  readonly name: string;
  readonly fileName: string;
  readonly mediaType: string;
  readonly content: FileSource;
}

/** A single file as the body, read while it is sent. */
export async function filePayload(mediaType: string, content: FileSource): Promise<Payload> {
  return streamedPayload(mediaType, () => readChunks(content), await lengthOf(content));
}

/**
 * A multipart form of known length, read while it is sent and readable again for retries. Names and types are checked and need no escaping.
 */
export async function formPayload(parts: readonly Part[]): Promise<Payload> {
  const boundary = randomUUID();
  const heads = parts.map(({ name, fileName, mediaType }) =>
    [
      `--${boundary}`,
      `Content-Disposition: form-data; name="${name}"; filename="${fileName}"`,
      `Content-Type: ${mediaType}`,
      '',
      '',
    ].join('\r\n'),
  );
  const end = `--${boundary}--\r\n`;
  let length = Buffer.byteLength(end);
  for (const [at, { content }] of parts.entries())
    length += Buffer.byteLength(heads[at]!) + (await lengthOf(content)) + 2;
  const chunks = async function* () {
    for (const [at, { content }] of parts.entries()) {
      yield heads[at]!;
      yield* readChunks(content);
      yield '\r\n';
    }
    yield end;
  };
  return streamedPayload(`multipart/form-data; boundary=${boundary}`, chunks, length);
}

export async function* readChunks(content: FileSource): AsyncGenerator<Chunk, void, undefined> {
  if (typeof content === 'string') yield* createReadStream(content) as AsyncIterable<Buffer>;
  else yield content;
}

async function lengthOf(content: FileSource): Promise<number> {
  return typeof content === 'string' ? (await stat(content)).size : content.length;
}
