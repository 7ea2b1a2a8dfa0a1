import { invalidModelOutput } from '../inference/invalid-output.ts';
import type { NamedOutput, TensorData } from '../inference/tensors.ts';
import { writeBinaryData } from './binary-tensor.ts';
import { datatypes } from './datatypes.ts';
import { invalidInference } from './refusals.ts';

/** An output, and how it is to be written. */
export interface AnsweredOutput extends NamedOutput {
  readonly isBinary: boolean;
}

export interface InferResponse {
  readonly model: string;
  readonly version: string;
  readonly id: string | undefined;
  readonly outputs: readonly AnsweredOutput[];
}

/** An answer as it goes out: JSON, and behind it the binary data of its outputs. */
export interface WrittenResponse {
  /** Pieces of JSON, each made when its turn has come. */
  readonly json: Iterable<string>;
  readonly binary: readonly Buffer[];
  /** Whether an output is binary data, even where that has no bytes. */
  readonly isBinary: boolean;
}

const elementsPerPiece = 8_192;

/** @throws {Problem} 422 where JSON has no way to write an output, 400 where that was to be known */
export function writeInferResponse({ model, version, id, outputs }: InferResponse): WrittenResponse {
  const binary = outputs.map((output) => (output.isBinary ? writeBinaryData(output.data as TensorData) : undefined));
  for (const output of outputs) if (!output.isBinary) refuseUnwritable(output);
  const head = { model_name: model, model_version: version, ...(id !== undefined && { id }) };
  const json = function* () {
    yield `${JSON.stringify(head).slice(0, -1)},"outputs":[`;
    for (const [index, output] of outputs.entries()) {
      const { name, shape, datatype } = output;
      const bytes = binary[index];
      const parameters = bytes === undefined ? undefined : { binary_data_size: bytes.length };
      const tensor = JSON.stringify({ name, datatype, shape, parameters });
      yield index === 0 ? tensor.slice(0, -1) : `,${tensor.slice(0, -1)}`;
      if (bytes === undefined) yield* writeData(output);
      yield '}';
    }
    yield ']}';
  };
  return {
    json: json(),
    binary: binary.filter((bytes) => bytes !== undefined),
    isBinary: binary.some((bytes) => bytes !== undefined),
  };
}

function* writeData({ data, datatype }: NamedOutput): Generator<string> {
  yield ',"data":[';
  for (let from = 0; from < data.length; from += elementsPerPiece) {
    const comma = from === 0 ? '' : ',';
    yield comma + writeElements(data as TensorData, datatype, from, Math.min(data.length, from + elementsPerPiece));
  }
  yield ']';
}

function writeElements(data: TensorData, datatype: string, from: number, to: number): string {
  if (!ArrayBuffer.isView(data)) return JSON.stringify(data.slice(from, to)).slice(1, -1);
  const part = data.subarray(from, to);
  if (datatype === 'BOOL') return Array.from(part as Uint8Array, Boolean).join(',');
  return part.join(',');
}

function refuseUnwritable({ data, datatype, name }: NamedOutput): void {
  if (datatypes.get(datatype)?.kind === 'half')
    throw invalidInference('outputs', `"${name}" is FP16, which JSON cannot hold; ask for binary data`);
  if (!ArrayBuffer.isView(data)) return;
  const cells = data as unknown as ArrayLike<number | bigint>;
  for (let at = 0; at < cells.length; at += 1)
    if (typeof cells[at] === 'number' && !Number.isFinite(cells[at]))
      throw invalidModelOutput('an output holds what is no finite number; as binary data it can be had');
}
