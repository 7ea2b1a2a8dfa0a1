import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { Busboy } from '@fastify/busboy';
import type { BodySink, StreamedBody } from '../../http/body/streamed-body.ts';
import { Problem } from '../../http/problem.ts';
import type { ModelFile } from '../../inference/tensors/types.ts';
import { maxDataFiles } from '../scan/data-file-names.ts';
import { OnnxScan } from '../scan/onnx-scan.ts';
import { DataFiles } from './data-files.ts';
import { FileSink } from './file-sink.ts';
import { mayBeRemote } from './remote-upload.ts';

/** Form parts that may occur once, with the files they become. Besides them: `data`, once per file of external data. */
const parts = {
  model: { file: 'model.onnx', maxBytes: Infinity },
  contract: { file: 'model.json', maxBytes: 524_288 },
  encoding: { file: 'encoding.csv', maxBytes: 1_048_576 },
  sample: { file: 'sample.json', maxBytes: 131_072 },
} as const;

/** JSON Schema of the upload form. */
export const uploadSchema = {
  title: 'ModelUpload',
  type: 'object',
  properties: {
    ...Object.fromEntries(
      Object.entries(parts).map(([name, { file }]) => [name, { type: 'string', format: 'binary', description: file }]),
    ),
    data: {
      type: 'array',
      maxItems: maxDataFiles,
      items: { type: 'string', format: 'binary' },
      description: 'files of external data, each under the file name in the model',
    },
  },
  additionalProperties: false,
};

type PartName = keyof typeof parts;

const maxParts = Object.keys(parts).length + maxDataFiles;

/** The received files. */
export interface Upload {
  /** The ONNX file and its external data; empty if the model is on another server. */
  readonly files: readonly ModelFile[];
}

/**
 * Receives a model into a folder: its ONNX file as the body, or a form with further files. Scans the file while it arrives. On an error,
 * the rest of the body is read first, so that the client reads the response.
 * @throws {Problem} 400, 413, 422
 */
export async function receiveUpload(body: StreamedBody, folder: string): Promise<Upload> {
  const isForm = body.contentType.toLowerCase().startsWith('multipart/');
  const sink = isForm ? new FormSink(folder, body.contentType) : new ModelSink(folder);
  try {
    return await body.into(() => sink);
  } finally {
    await sink.close();
  }
}

/** Reads and discards a body, so that the client reads the error that follows. */
export async function discard(body: StreamedBody): Promise<void> {
  await body.into(() => ({ write: () => undefined, end: () => undefined }));
}

interface UploadSink extends BodySink<Upload> {
  close(): Promise<void>;
}

/** Receives an ONNX file as the whole body. */
class ModelSink implements UploadSink {
  readonly #file: FileSink;
  #refusal: unknown;

  constructor(folder: string) {
    this.#file = new FileSink(folder, parts.model.file, { scan: new OnnxScan() });
  }

  async write(chunk: Buffer): Promise<void> {
    if (this.#refusal !== undefined) return;
    await this.#file.write(chunk).catch((cause: unknown) => (this.#refusal = cause));
  }

  async end(): Promise<Upload> {
    if (this.#refusal !== undefined) throw this.#refusal as Error;
    return { files: [{ name: parts.model.file, ...(await this.#file.end()) }] };
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}

/** Receives a form: known parts only, each at most once except `data`. */
class FormSink implements UploadSink {
  readonly #folder: string;
  readonly #parser: InstanceType<typeof Busboy>;
  readonly #files = new Map<PartName, FileSink>();
  readonly #scan = new OnnxScan({ hasDataFiles: true });
  readonly #data: DataFiles;
  readonly #writing: Promise<void>[] = [];
  #model: ModelFile | undefined;
  #refusal: unknown;

  constructor(folder: string, contentType: string) {
    this.#folder = folder;
    this.#data = new DataFiles(folder);
    const limits = {
      fields: maxParts,
      files: maxParts,
      parts: maxParts,
      fieldNameSize: 64,
      fieldSize: parts.encoding.maxBytes,
    };
    try {
      this.#parser = new Busboy({ headers: { 'content-type': contentType }, limits, isPartAFile: () => true });
    } catch (cause) {
      throw malformedForm(cause);
    }
    this.#parser.on('file', (name, stream, fileName) => this.#writing.push(this.#take(name, stream, fileName)));
    for (const limit of ['filesLimit', 'fieldsLimit', 'partsLimit'] as const)
      this.#parser.on(limit, () => this.#refuse(malformedForm('too many parts')));
    this.#parser.on('error', (cause: unknown) => this.#refuse(malformedForm(cause)));
  }

  async write(chunk: Buffer): Promise<void> {
    if (this.#refusal !== undefined || this.#parser.write(chunk)) return;
    // Errors in the meantime are handled by the parser's own listener.
    await once(this.#parser, 'drain').catch(() => undefined);
  }

  async end(): Promise<Upload> {
    if (this.#refusal === undefined) {
      const isFinished = once(this.#parser, 'finish');
      this.#parser.end();
      await isFinished.catch((cause: unknown) => this.#refuse(malformedForm(cause)));
      await Promise.all(this.#writing);
    }
    if (this.#refusal !== undefined) throw this.#refusal as Error;
    if (this.#model !== undefined) return { files: [this.#model, ...this.#data.check(this.#scan.dataFiles)] };
    if (await mayBeRemote(this.#folder)) return { files: this.#data.check(this.#scan.dataFiles) };
    throw new Problem(400, 'invalid_request', 'The form has no part "model".');
  }

  async close(): Promise<void> {
    for (const file of this.#files.values()) await file.close();
    await this.#data.close();
  }

  async #take(name: string, stream: Readable, fileName: string): Promise<void> {
    try {
      const sink = name === 'data' ? this.#openData(fileName) : this.#open(name);
      // Read to the end even after an error: leaving the loop would destroy the part, and the parser would wait for its reader forever.
      for await (const chunk of stream)
        if (this.#refusal === undefined)
          await sink?.write(chunk as Buffer).catch((cause: unknown) => this.#refuse(cause));
      if (this.#refusal !== undefined || sink === undefined) return;
      const written = await sink.end();
      if (name === 'model') this.#model = { name: parts.model.file, ...written };
      if (name === 'data') this.#data.keep(fileName, written);
    } catch (cause) {
      this.#refuse(cause);
    }
  }

  /** Opens the file for a part. Returns undefined and rejects the form if there is no such part. */
  #open(name: string): FileSink | undefined {
    if (!isPart(name) || this.#files.has(name)) {
      this.#refuse(unknownPart());
      return undefined;
    }
    const { file, maxBytes } = parts[name];
    const sink = new FileSink(this.#folder, file, name === 'model' ? { scan: this.#scan } : { maxBytes });
    this.#files.set(name, sink);
    return sink;
  }

  #openData(fileName: string): FileSink | undefined {
    try {
      return this.#data.open(fileName);
    } catch (cause) {
      this.#refuse(cause);
      return undefined;
    }
  }

  #refuse(cause: unknown): void {
    this.#refusal ??= cause;
  }
}

function isPart(name: string): name is PartName {
  return Object.hasOwn(parts, name);
}

function unknownPart(): Problem {
  const names = Object.keys(parts).join(', ');
  return new Problem(
    400,
    'invalid_request',
    `Unknown or repeated form part. Allowed: ${names}, each at most once, and data.`,
  );
}

function malformedForm(cause: unknown): Problem {
  return new Problem(400, 'invalid_request', 'The form is malformed.', { cause });
}
