import { invalidInference } from '../../inference/problems.ts';
import { readBinaryData } from '../../inference/tensors/binary-tensor.ts';
import { readJsonData } from '../../inference/tensors/json-tensor.ts';
import type { InputTensor } from '../../inference/tensors/types.ts';
import { describeRequest, sizeField, type DescribedRequest } from './described-request.ts';

/** An inference request of the Open Inference Protocol. */
export interface InferRequest extends Omit<DescribedRequest, 'inputs'> {
  readonly inputs: readonly InputTensor[];
}

const maxRemembered = 128;
const maxRememberedBytes = 1_024;

/** Parses requests. Caches the parsed JSON of the last 128 short binary requests, because clients repeat it. */
export class InferRequestReader {
  readonly #remembered = new Map<string, DescribedRequest>();

  /** Number of cached requests. */
  get remembered(): number {
    return this.#remembered.size;
  }

  /**
   * Parses a body: JSON, followed by the binary data of its inputs.
   * @param headerLength `Inference-Header-Content-Length`: number of JSON bytes, unless the whole body is JSON
   * @throws {Problem} 400 `invalid_inference`
   */
  read(body: Buffer, headerLength: string | undefined): InferRequest {
    if (headerLength === undefined) return fill(describeRequest(body), body, body.length);
    const jsonBytes = readHeaderLength(headerLength, body);
    return fill(this.#describe(body, jsonBytes), body, jsonBytes);
  }

  #describe(body: Buffer, jsonBytes: number): DescribedRequest {
    if (jsonBytes > maxRememberedBytes) return describeRequest(body.subarray(0, jsonBytes));
    const key = body.toString('latin1', 0, jsonBytes);
    const known = this.#remembered.get(key);
    if (known !== undefined) return known;
    const described = describeRequest(body.subarray(0, jsonBytes));
    if (described.inputs.some(({ size }) => size === undefined)) return described;
    // Drop the oldest.
    if (this.#remembered.size >= maxRemembered) this.#remembered.delete(this.#remembered.keys().next().value!);
    this.#remembered.set(key, described);
    return described;
  }
}

/** Adds the data of the inputs. Binary data is concatenated from the offset `from` on. */
function fill(described: DescribedRequest, body: Buffer, from: number): InferRequest {
  const { id, rows, outputs, outputNames, isBinary } = described;
  let at = from;
  const inputs = described.inputs.map((input): InputTensor => {
    const { name, datatype, shape, size, data, exact } = input;
    if (size === undefined) return { name, datatype, shape, data: readJsonData(data, exact, input) };
    if (size > body.length - at)
      throw invalidInference(input.where.replace(/data$/, sizeField), 'the body has fewer bytes');
    at += size;
    return { name, datatype, shape, data: readBinaryData(body.subarray(at - size, at), input) };
  });
  if (at < body.length) throw invalidInference('', 'The body has more bytes than its inputs declare');
  return { id, rows, inputs, outputs, outputNames, isBinary };
}

function readHeaderLength(header: string, { length }: Buffer): number {
  const bytes = /^\d{1,15}$/.test(header) ? Number(header) : Infinity;
  if (bytes > length)
    throw invalidInference('Inference-Header-Content-Length', 'it must be the number of JSON bytes in the body');
  return bytes;
}
