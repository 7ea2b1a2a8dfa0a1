import { promisify } from 'node:util';
import { gunzip, inflate as inflateZlib, type ZlibOptions } from 'node:zlib';
import { Problem } from '../problem.ts';
import { tooLarge } from './problems.ts';

type Inflate = (bytes: Buffer, options: ZlibOptions) => Promise<Buffer>;

/** `deflate` is the zlib format (RFC 9110 section 8.4.1.2). */
const encodings: ReadonlyMap<string, Inflate> = new Map<string, Inflate>([
  ['gzip', promisify(gunzip)],
  ['deflate', promisify(inflateZlib)],
]);

let last: Promise<unknown> = Promise.resolve();

/** Whether a body of this content encoding can be inflated. */
export function isInflatable(encoding: string): boolean {
  return encodings.has(encoding);
}

/**
 * Inflates bodies one at a time, so that many decompression bombs use the memory of one, and never past the limit.
 * @throws {Problem} 413 `body_too_large`, or 400 if the data does not match the encoding
 */
export function inflate(bytes: Buffer, encoding: string, limitBytes: number): Promise<Buffer> {
  const inflated = last.then(() => encodings.get(encoding)!(bytes, { maxOutputLength: limitBytes }));
  last = inflated.then(
    () => undefined,
    () => undefined,
  );
  return inflated.catch((cause: unknown) => {
    if ((cause as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') throw tooLarge();
    throw new Problem(400, 'invalid_request', `The body is not valid ${encoding}.`, { cause });
  });
}
