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
 * Inflates a body, one at a time: however many bombs arrive together, one of them is unfolded, and no further than the limit.
 * @throws {Problem} 413, or 400 where it is not what it says
 */
export function inflate(bytes: Buffer, encoding: string, limitBytes: number): Promise<Buffer> {
  const inflated = last.then(() => encodings.get(encoding)!(bytes, { maxOutputLength: limitBytes }));
  last = inflated.then(
    () => undefined,
    () => undefined,
  );
  return inflated.catch((cause: unknown) => {
    if ((cause as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') throw tooLarge();
    throw new Problem(400, 'invalid_request', `The body is no ${encoding}.`, { cause });
  });
}
