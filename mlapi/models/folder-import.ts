import { createReadStream, existsSync } from 'node:fs';
import { join } from 'node:path';
import { FileSink } from './file-sink.ts';
import { mayBeRemote, noFile } from './remote-upload.ts';
import { OnnxScan } from './scan/onnx-scan.ts';
import type { Upload } from './upload.ts';

const others = ['model.json', 'encoding.csv', 'sample.json'];

/** Takes a model in from a folder of this machine, as an upload is taken in: looked through, copied and digested. @throws {Problem} 422 */
export async function receiveFolder(from: string, folder: string): Promise<Upload> {
  for (const name of others)
    if (existsSync(join(from, name))) await copy(join(from, name), new FileSink(folder, name, {}));
  if (!existsSync(join(from, 'model.onnx')) && (await mayBeRemote(from))) return noFile;
  return copy(join(from, 'model.onnx'), new FileSink(folder, 'model.onnx', { scan: new OnnxScan() }));
}

async function copy(path: string, sink: FileSink): Promise<Upload> {
  try {
    for await (const chunk of createReadStream(path)) await sink.write(chunk as Buffer);
    return await sink.end();
  } finally {
    await sink.close();
  }
}
