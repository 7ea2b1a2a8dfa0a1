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

/** One version of a model, which never changes. */
export interface VersionInformation {
  readonly name: string;
  readonly version: string;
  /** SHA-256 of the ONNX file, in hexadecimal; with external data, of what `sha256sum` prints for all files. */
  readonly sha256: string;
  /** Total size of all files. */
  readonly sizeBytes: number;
  /** Where the model has external data: what it consists of, the ONNX file first. */
  readonly files?: readonly FileInformation[];
  readonly createdAt: string;
  readonly [other: string]: unknown;
}

/** Files of a version; without a contract, one is derived from the model's own shape. */
export interface VersionFiles {
  readonly model: FileSource;
  /** External data, by the file names that the model gives: `{ 'model.onnx.data': path }`. */
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

/** The versions of models: uploaded, looked at, fetched, retired. */
export class Versions {
  readonly #api: Api;

  constructor(api: Api) {
    this.#api = api;
  }

  /** Streams the files. A name and version are taken for ever; taken by the same model is as good as uploaded, if a try of this call got lost. */
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
   * Uploads a model folder: `model.onnx`, `model.json` if there is one, the files that this names, and those whose names end in
   * `.onnx.data` or `.onnx_data`, as exporters call external data.
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

  /** All versions of a model. */
  list(name: string, options: PageOptions = {}): AsyncGenerator<VersionInformation, void, undefined> {
    return this.#api.pages(apiPath`models/${name}/versions`, 'versions', options);
  }

  get(name: string, version: string, options: CallOptions = {}): Promise<VersionInformation> {
    return this.#api.json('GET', versionPath(name, version), { expects: isInformation, options });
  }

  /** Ends a version; nobody can take its name again. If the answer gets lost it is not tried again, since a second time is a 404. */
  retire(name: string, version: string, options: CallOptions = {}): Promise<void> {
    return this.#api.empty('DELETE', versionPath(name, version), { isRepeatable: false, options });
  }

  /**
   * The ONNX file as it comes, or `file` of its external data. It throws `digest_mismatch` at the end of any other file: use nothing of
   * it before the end.
   */
  async artifact(
    name: string,
    version: string,
    { file, ...options }: CallOptions & { readonly file?: string } = {},
  ): Promise<AsyncGenerator<Buffer, void, undefined>> {
    // An alias may move between the two calls.
    const found = await this.get(name, version, options);
    const path = `${versionPath(name, found.version)}/artifact${file === undefined ? '' : `?file=${encodeURIComponent(file)}`}`;
    const expected = found.files?.find((each) => each.name === (file ?? 'model.onnx')) ?? found;
    return verified(await this.#api.stream('GET', path, { mediaType: onnxMediaType, options }), expected);
  }

  /** Makes a version ready before its first prediction. */
  load(name: string, version: string, options: CallOptions = {}): Promise<void> {
    return this.#api.empty('POST', `${versionPath(name, version)}/load`, { options });
  }

  /** Gives its memory back; the next prediction loads it again. */
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

/** @throws {TypeError} for a name that would need escapes in the form, and that no service takes */
function dataPart(fileName: string, content: FileSource): Part {
  if (!/^[\w. -]+$/.test(fileName)) throw new TypeError(`no name of external data: ${JSON.stringify(fileName)}`);
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

/** As the service makes it. */
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
  const mismatch = () => new ApiError('digest_mismatch', 'The file is not the one that was uploaded.');
  for await (const chunk of answer.chunks()) {
    length += chunk.length;
    if (length > sizeBytes) throw mismatch();
    hash.update(chunk);
    yield chunk;
  }
  if (hash.digest('hex') !== sha256.toLowerCase()) throw mismatch();
}
