import { decodeUtf8, parseStrictJson } from '../http/strict-json.ts';
import { datatypes } from '../inference/datatypes.ts';
import { mayRound, quoteLongIntegers } from '../inference/exact-integers.ts';
import { readJsonData, type Expected } from '../inference/json-tensor.ts';
import { invalidInference } from '../inference/refusals.ts';
import type { InputTensor } from '../inference/tensors.ts';
import { readBinaryData } from './binary-tensor.ts';
import { fieldsOf, isCount, isGiven, parametersOf, readFlag, readText, type Fields } from './fields.ts';

/** An inference request of the Open Inference Protocol, read as it stands: what the model takes is not known here. */
export interface InferRequest {
  readonly id: string | undefined;
  /** Whether the inputs are rows for the contract, one input for each feature, and no raw tensors. */
  readonly rows: boolean;
  readonly inputs: readonly InputTensor[];
  /** The outputs to answer; undefined where all are. */
  readonly outputs: readonly RequestedOutput[] | undefined;
  /** Whether outputs are binary data, unless they say otherwise themselves. */
  readonly isBinary: boolean;
}

export interface RequestedOutput {
  readonly name: string;
  readonly isBinary: boolean | undefined;
  /** How many of the highest classes to answer in place of the tensor. */
  readonly classes: number | undefined;
}

const mostTensors = 10_000;
const mostDimensions = 8;
/** More cannot be in a body, and their product stays exact. */
const mostElements = 2 ** 31;
/** Of the request's own parameters that change the answer, those that no model here can follow. */
const unsupported = ['sequence_id', 'sequence_start', 'sequence_end'];

/**
 * Reads a request from its body: JSON, and behind it the binary data of its inputs.
 * @param headerLength `Inference-Header-Content-Length`: how many bytes the JSON has, if that is not all
 * @throws {Problem} 400
 */
export function readInferRequest(body: Buffer, headerLength: string | undefined): InferRequest {
  const jsonBytes = headerLength === undefined ? body.length : readHeaderLength(headerLength, body);
  const json = body.subarray(0, jsonBytes);
  const binary = new BinaryPart(body.subarray(jsonBytes));
  const request = fieldsOf(parseStrictJson(json), '', ['id', 'parameters', 'inputs', 'outputs', ...ignored]);
  const exact = hasLongs(request) ? readExactly(json, request) : request;
  const parameters = parametersOf(request, '');
  for (const name of unsupported)
    if (isGiven(parameters[name]) && parameters[name] !== false && parameters[name] !== 0)
      throw invalidInference(`parameters.${name}`, 'sequences are not supported');
  const exactInputs = exact.inputs as readonly Fields[];
  const inputs = listOf(request.inputs, 'inputs').map((input, index) =>
    readInput(input, exactInputs[index]!, { binary, where: `inputs[${index}]` }),
  );
  if (inputs.length === 0) throw invalidInference('inputs', 'there must be at least one');
  refuseTwice(inputs, 'inputs');
  binary.end();
  const outputs = isGiven(request.outputs)
    ? listOf(request.outputs, 'outputs').map((output, index) => readOutput(output, `outputs[${index}]`))
    : undefined;
  refuseTwice(outputs ?? [], 'outputs');
  return {
    id: readText(request.id, 'id'),
    rows: readFlag(parameters.rows, 'parameters.rows') ?? false,
    inputs,
    // An empty list asks for all, as the public client means it.
    outputs: outputs?.length === 0 ? undefined : outputs,
    isBinary: readFlag(parameters.binary_data_output, 'parameters.binary_data_output') ?? false,
  };
}

function hasLongs({ inputs }: Fields): boolean {
  return Array.isArray(inputs) && inputs.some((input: Fields | null) => /^U?INT64$/.test(String(input?.datatype)));
}

/** The request with its long whole numbers as text, where there are any: of the same shape, as no name is there twice. */
function readExactly(json: Buffer, request: Fields): Fields {
  const text = decodeUtf8(json);
  return mayRound(text) ? (JSON.parse(quoteLongIntegers(text)) as Fields) : request;
}

/** Clients repeat there what the path says. */
const ignored = ['model_name', 'model_version'];

/** What follows the JSON: the bytes of one input after the other. */
class BinaryPart {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  take(size: number, where: string): Buffer {
    const from = this.#at;
    if (size > this.#bytes.length - from) throw invalidInference(where, 'the body has not as many bytes');
    this.#at = from + size;
    return this.#bytes.subarray(from, this.#at);
  }

  end(): void {
    if (this.#at < this.#bytes.length) throw invalidInference('', 'The body has more bytes than its inputs');
  }
}

function readHeaderLength(header: string, { length }: Buffer): number {
  const bytes = /^\d{1,15}$/.test(header) ? Number(header) : Infinity;
  if (bytes > length)
    throw invalidInference('Inference-Header-Content-Length', 'it must be how many bytes of the body are JSON');
  return bytes;
}

function readInput(
  value: unknown,
  exact: Fields,
  { binary, where }: { binary: BinaryPart; where: string },
): InputTensor {
  const input = fieldsOf(value, where, ['name', 'shape', 'datatype', 'parameters', 'data']);
  const name = readText(input.name, `${where}.name`);
  if (name === undefined) throw invalidInference(where, 'it has no name');
  const datatype = typeof input.datatype === 'string' ? input.datatype : '';
  const type = datatypes.get(datatype);
  if (type === undefined)
    throw invalidInference(`${where}.datatype`, `it must be one of ${[...datatypes.keys()].join(', ')}`);
  const shape = readShape(input.shape, `${where}.shape`);
  const size = parametersOf(input, where).binary_data_size;
  const expected: Expected = { type, shape, count: elementsOf(shape, `${where}.shape`), where: `${where}.data` };
  if (!isGiven(size)) return { name, datatype, shape, data: readJsonData(input.data, exact.data, expected) };
  if (isGiven(input.data)) throw invalidInference(where, 'it has both data and binary data');
  const place = `${where}.parameters.binary_data_size`;
  if (!isCount(size)) throw invalidInference(place, 'it must be a number of bytes');
  return { name, datatype, shape, data: readBinaryData(binary.take(size, place), expected) };
}

function readOutput(value: unknown, where: string): RequestedOutput {
  const output = fieldsOf(value, where, ['name', 'parameters']);
  const name = readText(output.name, `${where}.name`);
  if (name === undefined) throw invalidInference(where, 'it has no name');
  const parameters = parametersOf(output, where);
  const { classification } = parameters;
  // The public client sends 0 for none.
  if (isGiven(classification) && !isCount(classification))
    throw invalidInference(`${where}.parameters.classification`, 'it must be a number of classes');
  const isBinary = readFlag(parameters.binary_data, `${where}.parameters.binary_data`);
  return { name, isBinary, classes: isCount(classification) && classification > 0 ? classification : undefined };
}

function readShape(value: unknown, where: string): number[] {
  if (!Array.isArray(value) || value.length > mostDimensions || !value.every(isCount))
    throw invalidInference(where, `it must be a list of up to ${mostDimensions} whole numbers, none of them negative`);
  return value;
}

function elementsOf(shape: readonly number[], where: string): number {
  let count = 1;
  for (const size of shape) {
    if (size > mostElements) throw invalidInference(where, 'it has more elements than a request can');
    count *= size;
    if (count > mostElements) throw invalidInference(where, 'it has more elements than a request can');
  }
  return count;
}

function listOf(value: unknown, where: string): readonly unknown[] {
  if (!Array.isArray(value)) throw invalidInference(where, 'it must be a list');
  if (value.length > mostTensors) throw invalidInference(where, `there may be ${mostTensors}`);
  return value;
}

function refuseTwice(tensors: readonly { readonly name: string }[], where: string): void {
  if (new Set(tensors.map(({ name }) => name)).size < tensors.length)
    throw invalidInference(where, 'a name is there twice');
}
