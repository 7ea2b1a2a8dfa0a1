import { createHash } from 'node:crypto';
import { graph, model, node, value } from './hostile-onnx.ts';
import { bytes, varint, type Field } from './onnx-builder.ts';

type Entries = readonly (readonly [key: string, value: string])[];

/** A 2×2 matrix, row by row: x · weights for x = [1, 1] is [4, 6]. */
export const weights = Buffer.from(Float32Array.of(1, 2, 3, 4).buffer);
/** The same shape with other values. */
export const otherWeights = Buffer.from(Float32Array.of(100, 200, 300, 400).buffer);

/** A TensorProto of 2×2 floats with external data. */
export function externalTensor(entries: Entries, name = 'w'): Field[] {
  const external = entries.map(([key, text]) => bytes(13, [bytes(1, key), bytes(2, text)]));
  return [varint(1, 2), varint(1, 2), varint(2, 1), bytes(8, name), ...external, varint(14, 1)];
}

/** y = x · w, where w is external data. @param entries a location, or all external_data entries */
export function externalModel(entries: string | Entries = 'model.onnx.data'): Buffer {
  const said: Entries = typeof entries === 'string' ? [['location', entries]] : entries;
  return withInitializers(bytes(5, externalTensor(said)));
}

/** The same with custom initializers, which must include `w`. */
export function withInitializers(...more: Field[]): Buffer {
  const nodes = [node({ op: 'MatMul', inputs: ['x', 'w'] })];
  return model({ graph: graph({ nodes, inputs: [value('x', ['N', 2])], outputs: [value('y', ['N', 2])], more }) });
}

export function sha256Of(content: string | Buffer): string {
  return createHash('sha256').update(content).digest('hex');
}
