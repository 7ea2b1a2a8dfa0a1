import { invalidModelOutput } from '../../inference/problems.ts';
import { writeBinaryData } from '../../inference/tensors/binary-tensor.ts';
import { isFiniteHalf } from '../../inference/tensors/float16.ts';
import { writeElements } from '../../inference/tensors/json-elements.ts';
import type { NamedOutput, TensorData } from '../../inference/tensors/types.ts';

/** An output and how to write it. */
export interface AnsweredOutput {
  readonly output: NamedOutput;
  readonly isBinary: boolean;
}

export interface InferResponse {
  readonly model: string;
  readonly version: string;
  readonly id: string | undefined;
  readonly outputs: readonly AnsweredOutput[];
}

/** A short response: JSON, followed by the binary data of its outputs. */
export interface WrittenResponse {
  readonly json: string;
  readonly binary: readonly Buffer[];
  /** Whether an output is binary, even if it has no bytes. */
  readonly isBinary: boolean;
}

/** Limit of the JSON parts together: number of elements plus characters of text. */
const maxShortWeight = 8_192;
const maxShortBytes = 65_536;

/** Whether a response is small enough to be built in one turn of the event loop. */
export function isShort(outputs: readonly AnsweredOutput[]): boolean {
  let weight = 0;
  let bytes = 0;
  for (const { output, isBinary } of outputs) {
    const { data } = output;
    if (ArrayBuffer.isView(data)) {
      if (isBinary) bytes += data.byteLength;
      else weight += data.length;
    } else {
      weight += data.length;
      for (let at = 0; at < data.length && weight <= maxShortWeight; at += 1) weight += (data[at] as string).length;
    }
  }
  return weight <= maxShortWeight && bytes <= maxShortBytes;
}

/** @throws {Problem} 422 `invalid_model_output` if JSON cannot represent an output */
export function writeInferResponse(response: InferResponse): WrittenResponse {
  const { outputs } = response;
  const binary: (Buffer | undefined)[] = [];
  for (const { output, isBinary } of outputs) {
    if (!isBinary) refuseUnwritable(output);
    binary.push(isBinary ? writeBinaryData(output.data as TensorData) : undefined);
  }
  return {
    json: `${beginResponse(response)}${outputs.map(({ output }, index) => writeOutput(output, binary[index])).join(',')}]}`,
    binary: binary.filter((bytes) => bytes !== undefined),
    isBinary: binary.some((bytes) => bytes !== undefined),
  };
}

/** The JSON before the outputs. */
export function beginResponse({ model, version, id }: InferResponse): string {
  const shownId = id === undefined ? '' : `,"id":${JSON.stringify(id)}`;
  return `{"model_name":"${model}","model_version":"${version}"${shownId},"outputs":[`;
}

function writeOutput(output: NamedOutput, bytes: Buffer | undefined): string {
  if (bytes !== undefined) return describeBinary(output, bytes.length);
  const { data, datatype } = output;
  return `${beginOutput(output)}${writeElements(data as TensorData, datatype, 0, data.length)}]}`;
}

/** JSON of an output whose data follows the JSON. */
export function describeBinary(output: NamedOutput, bytes: number): string {
  return `${describe(output)},"parameters":{"binary_data_size":${bytes}}}`;
}

/** JSON of an output up to its first element. */
export function beginOutput(output: NamedOutput): string {
  return `${describe(output)},"data":[`;
}

function describe({ name, datatype, shape }: NamedOutput): string {
  return `{"name":${JSON.stringify(name)},"datatype":"${datatype}","shape":[${shape.join(',')}]`;
}

/** @throws {Problem} 422 `invalid_model_output` if one of these elements is NaN or infinite, which JSON cannot represent */
export function refuseUnwritable({ data, datatype }: NamedOutput, from = 0, to = data.length): void {
  if (!ArrayBuffer.isView(data)) return;
  const cells = data as unknown as ArrayLike<number | bigint>;
  const isFinite = datatype === 'FP16' ? isFiniteHalf : Number.isFinite;
  for (let at = from; at < to; at += 1) {
    const cell = cells[at]!;
    if (typeof cell === 'number' && !isFinite(cell))
      throw invalidModelOutput('an output contains NaN or infinity, which JSON cannot represent; request binary data');
  }
}
