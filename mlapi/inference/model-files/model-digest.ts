import { createHash } from 'node:crypto';
import type { ModelFile } from '../tensors/types.ts';

type Digested = Pick<ModelFile, 'name' | 'sha256'>;

/**
 * The digest that identifies a model: that of its ONNX file; where it has external data, that of what `sha256sum` prints for all files,
 * the ONNX file first and the others by name.
 * @param data the others, in any order
 * @example `sha256sum model.onnx model.onnx.data | sha256sum`
 */
export function digestModel(model: Digested, data: readonly Digested[]): string {
  if (data.length === 0) return model.sha256;
  const sorted = [...data].sort((one, other) => (one.name < other.name ? -1 : 1));
  const lines = [model, ...sorted].map(({ name, sha256 }) => `${sha256}  ${name}\n`);
  return createHash('sha256').update(lines.join('')).digest('hex');
}
