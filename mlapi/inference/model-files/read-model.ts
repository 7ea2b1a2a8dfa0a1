import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { InferenceSession } from 'onnxruntime-node';
import { explainForeignFile, signatureBytes } from '../../http/body/file-signature.ts';
import type { ModelFile } from '../tensors/types.ts';
import { readDataFiles } from './data-files.ts';
import { listExternalTensors } from './external-tensors.ts';
import { digestModel } from './model-digest.ts';

/** A model read into memory: its files are read only once. */
export interface ModelBytes {
  readonly bytes: Buffer;
  /** SHA-256 over all files of the model. */
  readonly sha256: string;
  /** With external data: the files, the ONNX file first. */
  readonly files: readonly ModelFile[] | undefined;
  /** Session options that pass the external data and disable looking for files. */
  readonly options: InferenceSession.SessionOptions;
}

/** The runtime gets the model as bytes and would look for external data in the working directory. This path can hold no files. */
const nowhere = { session: { model_external_initializers_file_folder_path: '/dev/null/none' } };

/** Reads an ONNX file and the external data in its folder. @throws {Error} */
export function readModel(path: string): ModelBytes {
  const bytes = readFileSync(path);
  const reason = explainForeignFile(bytes.subarray(0, signatureBytes));
  if (reason !== undefined) throw new Error(reason);
  const data = readDataFiles(dirname(path), listExternalTensors(bytes));
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  if (data.length === 0) return { bytes, sha256, files: undefined, options: { extra: nowhere } };
  const model = { name: 'model.onnx', sha256, sizeBytes: bytes.length };
  const others = data.map((file) => ({ name: file.name, sha256: file.sha256, sizeBytes: file.bytes.length }));
  const externalData = data.map((file) => ({ path: file.name, data: file.bytes }));
  return {
    bytes,
    sha256: digestModel(model, others),
    files: [model, ...others],
    options: { extra: nowhere, externalData },
  };
}
