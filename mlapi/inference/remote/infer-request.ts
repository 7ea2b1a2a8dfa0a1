import type { TensorInfo } from '../model-facts.ts';
import type { Matrix } from '../types.ts';

/** The header that says where JSON ends and binary data begins, in the protocol's extension. */
export const jsonLengthHeader = 'inference-header-content-length';

export interface WrittenRequest {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/** An inference in the words of the Open Inference Protocol: a copy of the matrix, and the outputs that are wanted. */
export function writeInferRequest(
  { data, rows, width }: Matrix,
  {
    input: { name, datatype },
    outputs,
    isBinary,
  }: { input: TensorInfo; outputs: readonly string[]; isBinary: boolean },
): WrittenRequest {
  const input = { name, shape: [rows, width], datatype };
  if (!isBinary) {
    const wanted = JSON.stringify(outputs.map((output) => ({ name: output })));
    const tensor = JSON.stringify(input).slice(0, -1);
    const body = Buffer.from(`{"inputs":[${tensor},"data":[${data.join(',')}]}],"outputs":${wanted}}`);
    return { headers: { 'content-type': 'application/json' }, body };
  }
  const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  const json = Buffer.from(
    JSON.stringify({
      inputs: [{ ...input, parameters: { binary_data_size: bytes.length } }],
      outputs: outputs.map((output) => ({ name: output, parameters: { binary_data: true } })),
    }),
  );
  const headers = { 'content-type': 'application/octet-stream', [jsonLengthHeader]: String(json.length) };
  return { headers, body: Buffer.concat([json, bytes]) };
}
