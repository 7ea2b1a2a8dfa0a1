import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ApiError } from './api-error.ts';
import { hasText, type Api, type PageOptions } from './api.ts';
import type { CallOptions } from './attempts.ts';
import { filePayload, formPayload, readChunks, type FileSource, type Part } from './multipart.ts';
import { apiPath } from './paths.ts';
import type { ServiceResponse } from './response.ts';

export interface FileInformation {
  readonly name: string;
  readonly sha256: string;
  readonly sizeBytes: number;
}

/** One immutable version of a model. */
export interface VersionInformation {
  readonly name: string;
  readonly version: string;
  /** SHA-256 of the ONNX file, hexadecimal; with external data, of what `sha256sum` prints for all files. */
  readonly sha256: string;
  /** Total size of all files. */
  readonly sizeBytes: number;
  /** With external data: all files, the ONNX file first. */
  readonly files?: readonly FileInformation[];
  readonly createdAt: string;
  readonly [other: string]: unknown;
}

/** The files of a version. Without a contract, one is derived from the model's inputs. */
export interface VersionFiles {
  readonly model: FileSource;
  /** External data by the file names in the model: `{ 'model.onnx.data': path }`. */
  readonly data?: Readonly<Record<string, FileSource>> | undefined;
  /** `model.json` */
  readonly contract?: FileSource | undefined;
  /** `encoding.csv` */
  readonly encoding?: FileSource | undefined;
  /** `sample.json` */
  readonly sample?: FileSource | undefined;
}

const onnxMediaType = 'application/octet-stream';
const isInformation = hasText('sha256');

/** Uploads, inspects, downloads and retires versions of models. */
export class Versions {
  readonly #api: Api;

  constructor(api: Api) {
    this.#api = api;
  }

  /**
   * Uploads a version, streaming its files. A name and version can never be reused. If an attempt was lost and the version now exists with
   * the same digest, the upload succeeded.
   */
  async upload(
    name: string,
    version: string,
    files: VersionFiles,
    options: CallOptions = {},
  ): Promise<VersionInformation> {
    const parts = partsOf(files);
    const payload = await (parts.length === 1 ? filePayload(onnxMediaType, files.model) : formPayload(parts));
    const state = { isMaybeDone: false };
    const call = { payload, isStreamed: true, onLost: () => (state.isMaybeDone = true) };
    try {
      return await this.#api.json('PUT', versionPath(name, version), { ...call, expects: isInformation, options });
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 409 || !state.isMaybeDone) throw error;
      const [found, sha256] = [await this.get(name, version, options), await digestOf(files)];
      if (found.sha256 === sha256) return found;
      throw error;
    }
  }

  /**
   * Uploads a model folder: `model.onnx`, `model.json` if present, the files it names, and external data named `*.onnx.data` or
   * `*.onnx_data`, as exporters call it.
   */
  async uploadFolder(
    name: string,
    version: string,
    folder: string,
    options: CallOptions = {},
  ): Promise<VersionInformation> {
    const contract = join(folder, 'model.json');
    const named = await readContract(contract);
    const data = (await readdir(folder)).filter((file) => /\.onnx[._]data$/.test(file));
    const files = {
      model: join(folder, 'model.onnx'),
      ...(data.length > 0 && { data: Object.fromEntries(data.map((file) => [file, join(folder, file)])) }),
      ...(named && { contract }),
      ...(named?.encoding !== undefined && { encoding: join(folder, named.encoding) }),
      ...(named?.sample !== undefined && { sample: join(folder, named.sample) }),
    };
    return this.upload(name, version, files, options);
  }

  /** Lists all versions of a model. */
  list(name: string, options: PageOptions = {}): AsyncGenerator<VersionInformation, void, undefined> {
    return this.#api.pages(apiPath`models/${name}/versions`, 'versions', options);
  }

  get(name: string, version: string, options: CallOptions = {}): Promise<VersionInformation> {
    return this.#api.json('GET', versionPath(name, version), { expects: isInformation, options });
  }

  /** Retires a version for good: its name cannot be reused. Not retried if the response is lost, because a second attempt would get 404. */
  retire(name: string, version: string, options: CallOptions = {}): Promise<void> {
    return this.#api.empty('DELETE', versionPath(name, version), { isRepeatable: false, options });
  }

  /**
   * Downloads the ONNX file, or `file` of its external data, as a stream. Throws `digest_mismatch` at the end if the digest differs: do not
   * use the data before the stream ends.
   */
  async artifact(
    name: string,
    version: string,
    { file, ...options }: CallOptions & { readonly file?: string } = {},
  ): Promise<AsyncGenerator<Buffer, void, undefined>> {
    // Resolve an alias once: it may move between two calls.
    const found = await this.get(name, version, options);
    const path = `${versionPath(name, found.version)}/artifact${file === undefined ? '' : `?file=${encodeURIComponent(file)}`}`;
    const expected = found.files?.find((each) => each.name === (file ?? 'model.onnx')) ?? found;
    return verified(await this.#api.stream('GET', path, { mediaType: onnxMediaType, options }), expected);
  }

  /** Loads a version before its first prediction. */
  load(name: string, version: string, options: CallOptions = {}): Promise<void> {
    return this.#api.empty('POST', `${versionPath(name, version)}/load`, { options });
  }

  /** Frees the memory of a version; the next prediction loads it again. */
  unload(name: string, version: string, options: CallOptions = {}): Promise<void> {
    return this.#api.empty('POST', `${versionPath(name, version)}/unload`, { options });
  }
}

function versionPath(name: string, version: string): string {
  return apiPath`models/${name}/versions/${version}`;
}

function partsOf({ model, data = {}, contract, encoding, sample }: VersionFiles): Part[] {
  const all = [
    { name: 'model', fileName: 'model.onnx', mediaType: onnxMediaType, content: model },
    ...Object.entries(data).map(([fileName, content]) => dataPart(fileName, content)),
    { name: 'contract', fileName: 'model.json', mediaType: 'application/json', content: contract },
    { name: 'encoding', fileName: 'encoding.csv', mediaType: 'text/csv', content: encoding },
    { name: 'sample', fileName: 'sample.json', mediaType: 'application/json', content: sample },
  ];
  return all.flatMap(({ content, ...part }) => (content === undefined ? [] : [{ ...part, content }]));
}

/** @throws {TypeError} for a file name that the service would reject */
function dataPart(fileName: string, content: FileSource): Part {
  if (!/^[\w. -]+$/.test(fileName)) throw new TypeError(`invalid name for external data: ${JSON.stringify(fileName)}`);
  return { name: 'data', fileName, mediaType: onnxMediaType, content };
}

async function readContract(path: string): Promise<{ encoding?: string; sample?: string } | undefined> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as { encoding?: string; sample?: string };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Computes the digest as the service does. */
async function digestOf({ model, data = {} }: VersionFiles): Promise<string> {
  const own = await digestOfFile(model);
  const names = Object.keys(data).sort();
  if (names.length === 0) return own;
  const hash = createHash('sha256').update(`${own}  model.onnx\n`);
  for (const name of names) hash.update(`${await digestOfFile(data[name]!)}  ${name}\n`);
  return hash.digest('hex');
}

async function digestOfFile(content: FileSource): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of readChunks(content)) hash.update(chunk);
  return hash.digest('hex');
}

async function* verified(
  answer: ServiceResponse,
  { sha256, sizeBytes }: Pick<VersionInformation, 'sha256' | 'sizeBytes'>,
): AsyncGenerator<Buffer, void, undefined> {
  const hash = createHash('sha256');
  let length = 0;
  const mismatch = () => new ApiError('digest_mismatch', 'The downloaded file does not match its digest.');
  for await (const chunk of answer.chunks()) {
    length += chunk.length;
    if (length > sizeBytes) throw mismatch();
    hash.update(chunk);
    yield chunk;
  }
  if (hash.digest('hex') !== sha256.toLowerCase()) throw mismatch();
}
