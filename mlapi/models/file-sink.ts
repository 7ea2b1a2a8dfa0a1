import { createHash } from 'node:crypto';
import { open, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { Problem } from '../http/problem.ts';
import type { OnnxScan } from './scan/onnx-scan.ts';

/** So many bytes are looked at before others get their turn: the worst of them take milliseconds. */
const bytesPerTurn = 16_384;

interface FileSinkOptions {
  readonly maxBytes?: number;
  /** Looks at each piece before it is written. */
  readonly scan?: OnnxScan;
}

/** Writes one file as it comes, for this user alone, and digests it. */
export class FileSink {
  readonly #path: string;
  readonly #name: string;
  readonly #options: FileSinkOptions;
  readonly #hash = createHash('sha256');
  #file: FileHandle | undefined;
  #length = 0;
  #last = Promise.resolve();

  constructor(folder: string, name: string, options: FileSinkOptions) {
    this.#path = join(folder, name);
    this.#name = name;
    this.#options = options;
  }

  /** @throws {Problem} 413, 422 */
  write(chunk: Buffer): Promise<void> {
    this.#last = this.#write(chunk);
    return this.#last;
  }

  async #write(chunk: Buffer): Promise<void> {
    const { maxBytes = Infinity, scan } = this.#options;
    this.#length += chunk.length;
    if (this.#length > maxBytes)
      throw new Problem(413, 'body_too_large', `The file ${this.#name} may have ${maxBytes} bytes.`);
    if (scan !== undefined) {
      for (let from = 0; from < chunk.length; from += bytesPerTurn) {
        if (from > 0) await nextTurn();
        scan.write(chunk.subarray(from, from + bytesPerTurn));
      }
    }
    this.#hash.update(chunk);
    this.#file ??= await open(this.#path, 'wx', 0o600);
    await writeAll(this.#file, chunk);
  }

  /** @throws {Problem} 422 */
  async end(): Promise<{ sha256: string; sizeBytes: number }> {
    this.#options.scan?.end();
    this.#file ??= await open(this.#path, 'wx', 0o600);
    await this.close();
    return { sha256: this.#hash.digest('hex'), sizeBytes: this.#length };
  }

  async close(): Promise<void> {
    await this.#last.catch(() => undefined);
    const file = this.#file;
    this.#file = undefined;
    await file?.close();
  }
}

async function writeAll(file: FileHandle, chunk: Buffer): Promise<void> {
  for (let done = 0; done < chunk.length;) done += (await file.write(chunk, done)).bytesWritten;
}
