import { invalidInference } from '../inference/problems.ts';
import { readBinaryData } from '../inference/tensors/binary-tensor.ts';
import { readJsonData } from '../inference/tensors/json-tensor.ts';
import type { InputTensor } from '../inference/tensors/types.ts';
import { describeRequest, sizeField, type DescribedRequest } from './described-request.ts';

/** An inference request of the Open Inference Protocol. */
export interface InferRequest extends Omit<DescribedRequest, 'inputs'> {
  readonly inputs: readonly InputTensor[];
}

const maxRemembered = 128;
const maxRememberedBytes = 1_024;

/** Reads requests, and remembers what the JSON of the last binary ones said: callers of a model send the same again and again. */
export class InferRequestReader {
  readonly #remembered = new Map<string, DescribedRequest>();

  /** How many are remembered now. */
  get remembered(): number {
    return this.#remembered.size;
  }

  /**
   * Reads a request from its body: JSON, and behind it the binary data of its inputs.
   * @param headerLength `Inference-Header-Content-Length`: how many bytes the JSON has, if that is not all
   * @throws {Problem} 400
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
    // The oldest goes first.
    if (this.#remembered.size >= maxRemembered) this.#remembered.delete(this.#remembered.keys().next().value!);
    this.#remembered.set(key, described);
    return described;
  }
}

/** With the data of its inputs: binary ones lie one behind the other, from some byte of the body on. */
function fill(described: DescribedRequest, body: Buffer, from: number): InferRequest {
  const { id, rows, outputs, outputNames, isBinary } = described;
  let at = from;
  const inputs = described.inputs.map((input): InputTensor => {
    const { name, datatype, shape, size, data, exact } = input;
    if (size === undefined) return { name, datatype, shape, data: readJsonData(data, exact, input) };
    if (size > body.length - at)
      throw invalidInference(input.where.replace(/data$/, sizeField), 'the body has not as many bytes');
    at += size;
    return { name, datatype, shape, data: readBinaryData(body.subarray(at - size, at), input) };
  });
  if (at < body.length) throw invalidInference('', 'The body has more bytes than its inputs');
  return { id, rows, inputs, outputs, outputNames, isBinary };
}

function readHeaderLength(header: string, { length }: Buffer): number {
  const bytes = /^\d{1,15}$/.test(header) ? Number(header) : Infinity;
  if (bytes > length)
    throw invalidInference('Inference-Header-Content-Length', 'it must be how many bytes of the body are JSON');
  return bytes;
}
