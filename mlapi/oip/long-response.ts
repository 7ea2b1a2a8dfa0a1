import { yieldToEventLoop } from '../http/event-loop.ts';
import type { Chunk } from '../http/response/chunks.ts';
import { responseTooLarge } from '../inference/tensors/output-size.ts';
import type { NamedOutput, TensorData } from '../inference/tensors/types.ts';
import { beginOutput, beginResponse, describeBinary, refuseUnwritable, type InferResponse } from './infer-response.ts';
import { binaryPieces, jsonPieces } from './output-pieces.ts';

/** A long answer, none of which is made yet. */
export interface LongResponse {
  /** Bytes of the JSON ahead of binary data; undefined where no output is that. */
  readonly jsonBytes: number | undefined;
  /** All bytes, where they are known. */
  readonly bytes: number | undefined;
  readonly pieces: Iterable<Chunk>;
}

/** Looked at in one turn of the event loop: numbers take about a millisecond. */
const elementsPerTurn = 131_072;
const textsPerTurn = 8_192;
/** Most that the JSON of numbers may take, by what each of them may take at most. */
const maxJsonBytes = 134_217_728;
/** Characters of an element at most, with its comma. */
const widest: Readonly<Record<string, number>> = {
  BOOL: 6,
  UINT8: 4,
  UINT16: 6,
  UINT32: 11,
  UINT64: 21,
  INT8: 5,
  INT16: 7,
  INT32: 12,
  INT64: 21,
  FP16: 23,
  FP32: 25,
  FP64: 25,
};

/**
 * Sees to it that an answer can be written, and how long its parts are; then every piece of it can be made when its turn has come.
 * @throws {Problem} 422 where JSON has no way to write an output, or would take too much
 */
export async function planLongResponse(response: InferResponse): Promise<LongResponse> {
  const outputs = response.outputs.map(({ output, isBinary }) => ({ output: owned(output), isBinary }));
  refuseLongJson(outputs.filter(({ isBinary }) => !isBinary).map(({ output }) => output));
  const sizes: (number | undefined)[] = [];
  for (const { output, isBinary } of outputs) {
    if (!isBinary) await refuseUnwritableInTurns(output);
    sizes.push(isBinary ? await binarySize(output.data as TensorData) : undefined);
  }
  const json = () => writeJson({ ...response, outputs }, sizes);
  const binarySizes = sizes.filter((size) => size !== undefined);
  if (binarySizes.length === 0) return { jsonBytes: undefined, bytes: undefined, pieces: json() };
  // A client must know where the binary data begins before it has read the JSON.
  const jsonBytes = await measure(json());
  const bytes = binarySizes.reduce((sum, size) => sum + size, jsonBytes);
  return { jsonBytes, bytes, pieces: writeAll(json(), outputs) };
}

/** Some rows of a run would keep the others' memory for as long as this answer is read: they are copied. */
function owned(output: NamedOutput): NamedOutput {
  const data = output.data as TensorData;
  if (!ArrayBuffer.isView(data) || 2 * data.byteLength > data.buffer.byteLength) return output;
  return { ...output, data: data.slice() };
}

function refuseLongJson(outputs: readonly NamedOutput[]): void {
  let bytes = 0;
  for (const { data, datatype } of outputs) bytes += data.length * (widest[datatype] ?? 0);
  if (bytes > maxJsonBytes)
    throw responseTooLarge(
      `as JSON its outputs may take ${bytes} bytes, and ${maxJsonBytes} are the most; ask for binary data with "parameters": {"binary_data_output": true}`,
    );
}

async function refuseUnwritableInTurns(output: NamedOutput): Promise<void> {
  const { length } = output.data;
  for (let from = 0; from < length; from += elementsPerTurn) {
    refuseUnwritable(output, from, Math.min(length, from + elementsPerTurn));
    await yieldToEventLoop();
  }
}

/** Texts have their lengths before them. */
async function binarySize(data: TensorData): Promise<number> {
  if (ArrayBuffer.isView(data)) return data.byteLength;
  let bytes = 0;
  for (let at = 0; at < data.length; at += 1) {
    bytes += 4 + Buffer.byteLength(data[at]!);
    if (at % textsPerTurn === 0) await yieldToEventLoop();
  }
  return bytes;
}

async function measure(pieces: Iterable<string>): Promise<number> {
  let bytes = 0;
  for (const piece of pieces) {
    bytes += Buffer.byteLength(piece);
    await yieldToEventLoop();
  }
  return bytes;
}

function* writeJson(response: InferResponse, sizes: readonly (number | undefined)[]): Generator<string> {
  let begin = beginResponse(response);
  for (const [index, { output }] of response.outputs.entries()) {
    const size = sizes[index];
    if (size === undefined) {
      yield begin + beginOutput(output);
      yield* jsonPieces(output.data as TensorData, output.datatype);
      yield ']}';
    } else yield begin + describeBinary(output, size);
    begin = ',';
  }
  yield ']}';
}

function* writeAll(json: Iterable<string>, outputs: InferResponse['outputs']): Generator<Chunk> {
  yield* json;
  for (const { output, isBinary } of outputs) if (isBinary) yield* binaryPieces(output.data as TensorData);
}
