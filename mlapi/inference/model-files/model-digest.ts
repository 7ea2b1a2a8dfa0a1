import { createHash } from 'node:crypto';
import type { ModelFile } from '../model-facts.ts';

/**
 * The digest that identifies a model: that of its ONNX file; where it has external data, that of what `sha256sum` prints for all files,
 * the ONNX file first and the others by name.
 * @example `sha256sum model.onnx model.onnx.data | sha256sum`
 */
export function digestModel(files: readonly Pick<ModelFile, 'name' | 'sha256'>[]): string {
  const [model, ...data] = files;
  if (model !== undefined && data.length === 0) return model.sha256;
  const lines = files.map(({ name, sha256 }) => `${sha256}  ${name}\n`);
  return createHash('sha256').update(lines.join('')).digest('hex');
}
