import { createHash } from 'node:crypto';
import { open, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { yieldToEventLoop } from '../../http/event-loop.ts';
import { Problem } from '../../http/problem.ts';
import type { OnnxScan } from '../scan/onnx-scan.ts';

/** Time for scanning per turn of the event loop, in milliseconds. Tensor data costs almost nothing, the worst data milliseconds. */
const msPerTurn = 2;
/** Bytes scanned between two looks at the clock. */
const bytesPerLook = 4_096;

interface FileSinkOptions {
  readonly maxBytes?: number;
  /** Scans each chunk before it is written. */
  readonly scan?: OnnxScan;
}

/** Writes a file while it arrives, readable by this user only, and computes its digest. */
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

  /** @throws {Problem} 413 `body_too_large`, 422 if the scan rejects it */
  write(chunk: Buffer): Promise<void> {
    this.#last = this.#write(chunk);
    return this.#last;
  }

  async #write(chunk: Buffer): Promise<void> {
    const { maxBytes = Infinity, scan } = this.#options;
    this.#length += chunk.length;
    if (this.#length > maxBytes)
      throw new Problem(413, 'body_too_large', `The file ${this.#name} may have at most ${maxBytes} bytes.`);
    if (scan !== undefined) await scanInTurns(scan, chunk);
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

async function scanInTurns(scan: OnnxScan, chunk: Buffer): Promise<void> {
  for (let at = 0; at < chunk.length;) {
    await yieldToEventLoop();
    const endMs = performance.now() + msPerTurn;
    do {
      scan.write(chunk.subarray(at, at + bytesPerLook));
      at += bytesPerLook;
    } while (at < chunk.length && performance.now() < endMs);
  }
}

async function writeAll(file: FileHandle, chunk: Buffer): Promise<void> {
  for (let done = 0; done < chunk.length;) done += (await file.write(chunk, done)).bytesWritten;
}
