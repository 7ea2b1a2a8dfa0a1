import { writeBinaryData } from '../inference/binary-tensor.ts';
import { isFiniteHalf } from '../inference/half.ts';
import { invalidModelOutput } from '../inference/invalid-output.ts';
import { writeElements } from '../inference/json-elements.ts';
import type { NamedOutput, TensorData } from '../inference/tensors.ts';

/** An output, and how it is to be written. */
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

/** An answer as it goes out: JSON, and behind it the binary data of its outputs. */
export interface WrittenResponse {
  /** The JSON where it is short, or its pieces, each made when its turn has come. */
  readonly json: string | Iterable<string>;
  readonly binary: readonly Buffer[];
  /** Whether an output is binary data, even where that has no bytes. */
  readonly isBinary: boolean;
  /** What the pieces are made of. */
  readonly heldBytes: number;
}

const elementsPerPiece = 8_192;

/** @throws {Problem} 422 where JSON has no way to write an output */
export function writeInferResponse({ model, version, id, outputs }: InferResponse): WrittenResponse {
  const binary: (Buffer | undefined)[] = [];
  for (const { output, isBinary } of outputs) {
    if (!isBinary) refuseUnwritable(output);
    binary.push(isBinary ? writeBinaryData(output.data as TensorData) : undefined);
  }
  const shownId = id === undefined ? '' : `,"id":${JSON.stringify(id)}`;
  const head = `{"model_name":"${model}","model_version":"${version}"${shownId},"outputs":[`;
  const isShort = weightOf(outputs) <= elementsPerPiece;
  const whole = () => `${head}${outputs.map(({ output }, index) => writeOutput(output, binary[index])).join(',')}]}`;
  return {
    json: isShort ? whole() : writePieces(head, outputs, binary),
    binary: binary.filter((bytes) => bytes !== undefined),
    isBinary: binary.some((bytes) => bytes !== undefined),
    heldBytes: isShort ? 0 : outputs.reduce((sum, { output }) => sum + sizeOf(output.data as TensorData), 0),
  };
}

/** @returns bytes; about, where they are text */
function sizeOf(data: TensorData): number {
  return ArrayBuffer.isView(data) ? data.byteLength : 64 * data.length;
}

/** What JSON takes, all together: elements, and the characters of text. */
function weightOf(outputs: readonly AnsweredOutput[]): number {
  let weight = 0;
  for (const { output, isBinary } of outputs) {
    if (isBinary) continue;
    const { data } = output;
    weight += data.length;
    if (ArrayBuffer.isView(data)) continue;
    for (let at = 0; at < data.length && weight <= elementsPerPiece; at += 1) weight += (data[at] as string).length;
  }
  return weight;
}

function* writePieces(
  head: string,
  outputs: readonly AnsweredOutput[],
  binary: readonly (Buffer | undefined)[],
): Generator<string> {
  let begin = head;
  for (const [index, { output, isBinary }] of outputs.entries()) {
    const { data, datatype } = output;
    yield begin + (isBinary ? writeOutput(output, binary[index]) : `${beginOutput(output)}${beginData}`);
    begin = ',';
    if (isBinary) continue;
    for (let from = 0; from < data.length; from += elementsPerPiece) {
      const comma = from === 0 ? '' : ',';
      yield comma + writeElements(data as TensorData, datatype, from, Math.min(data.length, from + elementsPerPiece));
    }
    yield ']}';
  }
  yield ']}';
}

function writeOutput(output: NamedOutput, bytes: Buffer | undefined): string {
  const begin = beginOutput(output);
  if (bytes !== undefined) return `${begin},"parameters":{"binary_data_size":${bytes.length}}}`;
  const { data, datatype } = output;
  return `${begin}${beginData}${writeElements(data as TensorData, datatype, 0, data.length)}]}`;
}

const beginData = ',"data":[';

/** What is said of it ahead of its data. */
function beginOutput({ name, datatype, shape }: NamedOutput): string {
  return `{"name":${JSON.stringify(name)},"datatype":"${datatype}","shape":[${shape.join(',')}]`;
}

function refuseUnwritable({ data, datatype }: NamedOutput): void {
  if (!ArrayBuffer.isView(data)) return;
  const cells = data as unknown as ArrayLike<number | bigint>;
  const isFinite = datatype === 'FP16' ? isFiniteHalf : Number.isFinite;
  for (let at = 0; at < cells.length; at += 1) {
    const cell = cells[at]!;
    if (typeof cell === 'number' && !isFinite(cell))
      throw invalidModelOutput('an output holds what is no finite number; as binary data it can be had');
  }
}
