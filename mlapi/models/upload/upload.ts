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
import { mayBeRemote, noFile } from './remote-upload.ts';

/** The parts of a form that may be there once, by their names, and the files that they become. Beside them: `data`, for each file of external data. */
const parts = {
  model: { file: 'model.onnx', maxBytes: Infinity },
  contract: { file: 'model.json', maxBytes: 524_288 },
  encoding: { file: 'encoding.csv', maxBytes: 1_048_576 },
  sample: { file: 'sample.json', maxBytes: 131_072 },
} as const;

/** JSON Schema of that form. */
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
      description: 'files of external data, each under the file name that the model gives',
    },
  },
  additionalProperties: false,
};

type PartName = keyof typeof parts;

const maxParts = Object.keys(parts).length + maxDataFiles;

/** The received files. */
export interface Upload {
  /** The ONNX file, and those of its external data; none where the model is on another server. */
  readonly files: readonly ModelFile[];
}

/**
 * Receives a model into a folder: its ONNX file alone, or a form with its other files. The file is looked through while it comes.
 * A refusal waits for the end of the body, so that its sender reads it.
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

/** Reads a body to its end and keeps nothing: its sender is about to be refused. */
export async function discard(body: StreamedBody): Promise<void> {
  await body.into(() => ({ write: () => undefined, end: () => undefined }));
}

interface UploadSink extends BodySink<Upload> {
  close(): Promise<void>;
}

/** The ONNX file alone. */
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

/** A form: each part at most once but `data`, and none that is not known. */
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
    // Errors in the meantime are noted by a listener of their own.
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
    if (this.#model === undefined && !(await mayBeRemote(this.#folder)))
      throw new Problem(400, 'invalid_request', 'The form lacks its part "model".');
    const data = this.#data.check(this.#scan.dataFiles);
    return this.#model === undefined ? noFile : { files: [this.#model, ...data] };
  }

  async close(): Promise<void> {
    for (const file of this.#files.values()) await file.close();
    await this.#data.close();
  }

  async #take(name: string, stream: Readable, fileName: string): Promise<void> {
    try {
      const sink = name === 'data' ? this.#openData(fileName) : this.#open(name);
      // Read to its end even if refused: leaving the loop would destroy the part, and the parser would wait for its reader forever.
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

  /** The file that a part becomes; undefined, and the form is refused, where there is none of this name. */
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
  return new Problem(400, 'invalid_request', `The parts of the form are ${names}, each at most once, and data.`);
}

function malformedForm(cause: unknown): Problem {
  return new Problem(400, 'invalid_request', 'The form is malformed.', { cause });
}
