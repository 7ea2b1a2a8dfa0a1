import { createHash } from 'node:crypto';
import type { ModelFile } from '../tensors/types.ts';

type Digested = Pick<ModelFile, 'name' | 'sha256'>;

/**
 * Returns the digest that identifies a model: the SHA-256 of its ONNX file, or with external data, the SHA-256 of what `sha256sum` prints
 * for all files, the ONNX file first and the others sorted by name.
 * @param data the files of external data, in any order
 * @example
 * // sha256sum model.onnx model.onnx.data | sha256sum
 * const sha256 = digestModel({ name: 'model.onnx', sha256: modelSha256 }, [{ name: 'model.onnx.data', sha256: dataSha256 }]);
 */
export function digestModel(model: Digested, data: readonly Digested[]): string {
  if (data.length === 0) return model.sha256;
  const sorted = [...data].sort((one, other) => (one.name < other.name ? -1 : 1));
  const lines = [model, ...sorted].map(({ name, sha256 }) => `${sha256}  ${name}\n`);
  return createHash('sha256').update(lines.join('')).digest('hex');
}
