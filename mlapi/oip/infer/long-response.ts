import { yieldToEventLoop } from '../../http/event-loop.ts';
import type { Chunk } from '../../http/response/chunks.ts';
import { responseTooLarge } from '../../inference/tensors/output-size.ts';
import type { NamedOutput, TensorData } from '../../inference/tensors/types.ts';
import { beginOutput, beginResponse, describeBinary, refuseUnwritable, type InferResponse } from './infer-response.ts';
import { binaryPieces, jsonPieces } from './output-pieces.ts';

/** A long response, to be built piece by piece. */
export interface LongResponse {
  /** Bytes of the JSON before binary data; undefined if no output is binary. */
  readonly jsonBytes: number | undefined;
  /** Total bytes, if known. */
  readonly bytes: number | undefined;
  readonly pieces: Iterable<Chunk>;
}

/** Elements examined per turn of the event loop; that many numbers take about a millisecond. */
const elementsPerTurn = 131_072;
const textsPerTurn = 8_192;
/** Most bytes of the outputs as JSON, by the longest form of each element. */
const maxJsonBytes = 134_217_728;
/** Longest JSON of an element including its comma, in characters. */
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
 * Checks that a response can be written and computes the length of its parts; the pieces are built later, one at a time.
 * @throws {Problem} 422 `invalid_model_output` if JSON cannot represent an output, `answer_too_large` if the JSON would be too long
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
  // The client needs the offset of the binary data before it has read the JSON.
  const jsonBytes = await measure(json());
  const bytes = binarySizes.reduce((sum, size) => sum + size, jsonBytes);
  return { jsonBytes, bytes, pieces: writeAll(json(), outputs) };
}

/** Copies a small slice of a shared run, which would otherwise keep the whole run in memory while the response is read. */
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
      `its outputs may take ${bytes} bytes as JSON; the limit is ${maxJsonBytes}; request binary data with "parameters": {"binary_data_output": true}`,
    );
}

async function refuseUnwritableInTurns(output: NamedOutput): Promise<void> {
  const { length } = output.data;
  for (let from = 0; from < length; from += elementsPerTurn) {
    refuseUnwritable(output, from, Math.min(length, from + elementsPerTurn));
    await yieldToEventLoop();
  }
}

/** Each text is preceded by its length. */
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
