import { constants, createReadStream, existsSync } from 'node:fs';
import { lstat, open, readFile, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { Problem } from '../../http/problem.ts';
import { DataFiles } from './data-files.ts';
import { FileSink } from './file-sink.ts';
import { mayBeRemote } from './remote-upload.ts';
import { OnnxScan } from '../scan/onnx-scan.ts';
import { quote } from '../scan/scan-refusals.ts';
import type { Upload } from './upload.ts';

/** Imports a model from a folder of this machine, like an upload: scanned, copied and hashed. @throws {Problem} 422 */
export async function receiveFolder(from: string, folder: string): Promise<Upload> {
  const names = await namesIn(from);
  const parts = { 'model.json': 'model.json', 'encoding.csv': names.encoding, 'sample.json': names.sample };
  for (const [part, name] of Object.entries(parts))
    if (existsSync(join(from, name))) await copy(createReadStream(join(from, name)), new FileSink(folder, part, {}));
  if (!existsSync(join(from, 'model.onnx')) && (await mayBeRemote(from))) return { files: [] };
  const scan = new OnnxScan({ hasDataFiles: true });
  const sink = new FileSink(folder, 'model.onnx', { scan });
  const model = { name: 'model.onnx', ...(await copy(createReadStream(join(from, 'model.onnx')), sink)) };
  const data = new DataFiles(folder);
  for (const name of scan.dataFiles.keys()) {
    const file = await openDataFile(from, name);
    if (file !== undefined) data.keep(name, await copy(file.createReadStream(), data.open(name)));
  }
  return { files: [model, ...data.check(scan.dataFiles)] };
}

/**
 * Opens external data of a folder under the same rules as when the folder is served: a regular file without further hard links.
 * @throws {Problem} 422
 */
async function openDataFile(from: string, name: string): Promise<FileHandle | undefined> {
  const path = join(from, name);
  const found = await lstat(path).catch(() => undefined);
  if (found === undefined) return undefined;
  const file = found.isFile()
    ? await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
    : undefined;
  const opened = await file?.stat();
  if (opened?.isFile() === true && opened.nlink === 1) return file;
  await file?.close();
  const text = `${quote(name)} is a link or not a regular file: put the file itself beside model.onnx.`;
  throw new Problem(422, 'external_data', text);
}

/** A file name without a path. */
const besideIt = /^\w[\w.-]*$/;

/** Reads the names of the encoding and sample files from the contract. Its other mistakes are reported by the inspection. */
async function namesIn(from: string): Promise<{ encoding: string; sample: string }> {
  const usual = { encoding: 'encoding.csv', sample: 'sample.json' };
  try {
    const contract = JSON.parse(await readFile(join(from, 'model.json'), 'utf8')) as Record<string, unknown> | null;
    const named = (field: keyof typeof usual) => {
      const name = contract?.[field];
      return typeof name === 'string' && besideIt.test(name) ? name : usual[field];
    };
    return { encoding: named('encoding'), sample: named('sample') };
  } catch {
    return usual;
  }
}

async function copy(from: Readable, sink: FileSink): Promise<{ sha256: string; sizeBytes: number }> {
  try {
    for await (const chunk of from) await sink.write(chunk as Buffer);
    return await sink.end();
  } finally {
    await sink.close();
  }
}
