import { createReadStream, existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { FileSink } from './file-sink.ts';
import { mayBeRemote, noFile } from './remote-upload.ts';
import { OnnxScan } from './scan/onnx-scan.ts';
import type { Upload } from './upload.ts';

/** Takes a model in from a folder of this machine, as an upload is taken in: looked through, copied and digested. @throws {Problem} 422 */
export async function receiveFolder(from: string, folder: string): Promise<Upload> {
  const names = await namesIn(from);
  const parts = { 'model.json': 'model.json', 'encoding.csv': names.encoding, 'sample.json': names.sample };
  for (const [part, name] of Object.entries(parts))
    if (existsSync(join(from, name))) await copy(join(from, name), new FileSink(folder, part, {}));
  if (!existsSync(join(from, 'model.onnx')) && (await mayBeRemote(from))) return noFile;
  return copy(join(from, 'model.onnx'), new FileSink(folder, 'model.onnx', { scan: new OnnxScan() }));
}

/** A file of this folder, and none elsewhere. */
const besideIt = /^\w[\w.-]*$/;

/** What the contract calls its encoding and its sample: files beside it. What else is wrong with it is said where it is read. */
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

async function copy(path: string, sink: FileSink): Promise<Upload> {
  try {
    for await (const chunk of createReadStream(path)) await sink.write(chunk as Buffer);
    return await sink.end();
  } finally {
    await sink.close();
  }
}
