import { writeBinaryData } from '../tensors/binary-tensor.ts';
import { writeElements } from '../tensors/json-elements.ts';
import type { InputTensor } from '../tensors/types.ts';

/** Length of the JSON part in bytes; binary data follows it (binary tensor data extension). */
export const jsonLengthHeader = 'inference-header-content-length';

export interface WrittenRequest {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/** Writes an Open Inference Protocol request: copies the tensors and names the wanted outputs. */
export function writeInferRequest(
  inputs: readonly InputTensor[],
  { outputs, isBinary }: { outputs: readonly string[]; isBinary: boolean },
): WrittenRequest {
  if (!isBinary) {
    const tensors = inputs.map(({ name, shape, datatype, data }) => {
      const description = JSON.stringify({ name, shape, datatype }).slice(0, -1);
      return `${description},"data":[${writeElements(data, datatype)}]}`;
    });
    const wanted = JSON.stringify(outputs.map((name) => ({ name })));
    const body = Buffer.from(`{"inputs":[${tensors.join(',')}],"outputs":${wanted}}`);
    return { headers: { 'content-type': 'application/json' }, body };
  }
  const binary = inputs.map(({ data }) => writeBinaryData(data));
  const described = inputs.map(({ name, shape, datatype }, index) => {
    return { name, shape, datatype, parameters: { binary_data_size: binary[index]!.length } };
  });
  const wanted = outputs.map((name) => ({ name, parameters: { binary_data: true } }));
  const json = Buffer.from(JSON.stringify({ inputs: described, outputs: wanted }));
  const headers = { 'content-type': 'application/octet-stream', [jsonLengthHeader]: String(json.length) };
  return { headers, body: Buffer.concat([json, ...binary]) };
}
